// The sweep that chose the learning rates of experiment-sizes.ts: each budget with experts alone and with a table, on a quarter
// of the tokens, at some rates. Not one of the experiments: it tests no claim, and is run by its name alone.

import { linePlot } from "../plots/line-plot.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ExperimentReport } from "./experiment.js";
import { allocatedModel } from "./models/allocated-model.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";

const EXPERIMENT = "learning-rate";
const RATES = [1e-3, 2e-3, 4e-3, 8e-3];
const KINDS = [
  ["experts", 1],
  ["table", 0.8],
] as const;

/** See the head of this file. */
export const learningRate: Experiment = {
  name: EXPERIMENT,
  title: "Learning rates",
  claim: "None: the rate of each budget is the one at which the sum of both models' held-out losses is least.",
  cells(scale, vocabulary) {
    const sizes = EXPERIMENT_SIZES[scale];
    const { budgets, batch, heldOutTokens } = sizes;
    const [seed = 1] = sizes.seeds;
    const tokens = sizes.tokens / 4;
    return budgets.flatMap((budget) =>
      RATES.flatMap((rate) =>
        KINDS.map(([kind, rho]): Cell => {
          const arm = `${budget.name} ${kind} ${rate}`;
          return {
            ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed },
            ...{ labels: { budget: budget.name, kind, rate }, corpus: "mixed", batch, heldOutTokens, probes: [] },
            spec: allocatedModel(budget, rho, vocabulary),
            config: experimentTraining(sizes, budget.name, { tokens, learningRate: rate }),
          };
        }),
      ),
    );
  },
  report: rateReport,
};

function rateReport(results: readonly CellResult[]): ExperimentReport {
  const of = (name: string, value: string | number) => (one: CellResult) => one.cell.labels[name] === value;
  const budgets = [...new Set(results.map(({ cell }) => String(cell.labels.budget)))];
  const best = budgets.map((budget) => {
    const own = results.filter(of("budget", budget));
    const sums = RATES.flatMap((rate) => {
      const at = own.filter(of("rate", rate));
      return at.length < KINDS.length ? [] : [{ rate, loss: at.reduce((sum, { heldOut }) => sum + heldOut.loss, 0) }];
    });
    return [budget, String(sums.toSorted((a, b) => a.loss - b.loss)[0]?.rate ?? "unknown")];
  });
  const lines = budgets.flatMap((budget) =>
    KINDS.map(([kind]) => ({
      name: `${budget}, ${kind}`,
      points: results
        .filter(of("budget", budget))
        .filter(of("kind", kind))
        .map(({ cell, heldOut }) => [Number(cell.labels.rate), heldOut.loss] as const),
    })),
  );
  const plot = linePlot({
    id: EXPERIMENT,
    title: "Held-out loss against the learning rate",
    note: "One seed, a quarter of the tokens of the experiments.",
    x: { label: "peak learning rate", scale: "log" },
    y: { label: "held-out loss, nats", scale: "linear", format: (value) => value.toFixed(2) },
    lines,
  });
  return {
    verdicts: [],
    tables: [{ title: "Best rate for both models together", header: ["budget", "rate"], rows: best }],
    plots: plot === undefined ? [] : [plot],
    notes: [],
  };
}
