// The sweep that chose the learning rates of experiment-sizes.ts, and Muon or AdamW for matrices: each budget with experts alone
// and with a table, on a quarter of the tokens, at some rates. Not one of the experiments: it tests no claim, and is run by its name alone.

import { linePlot } from "../plots/line-plot.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ExperimentReport } from "./experiment.js";
import { allocatedModel } from "./models/allocated-model.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";

const EXPERIMENT = "learning-rate";
const RATES = [2e-3, 4e-3, 8e-3, 16e-3];
const OPTIMIZERS = ["adamw", "muon"] as const;
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
      OPTIMIZERS.flatMap((matrices) =>
        RATES.flatMap((rate) =>
          KINDS.map(([kind, rho]): Cell => {
            const arm = `${budget.name} ${kind} ${matrices} ${rate}`;
            return {
              ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed },
              ...{
                labels: { budget: budget.name, kind, matrices, rate },
                corpus: "mixed",
                batch,
                heldOutTokens,
                probes: [],
              },
              spec: allocatedModel(budget, rho, vocabulary),
              config: experimentTraining(sizes, budget.name, { tokens, matrices, learningRate: rate }),
            };
          }),
        ),
      ),
    );
  },
  report: rateReport,
};

function rateReport(results: readonly CellResult[]): ExperimentReport {
  const of = (name: string, value: string | number) => (one: CellResult) => one.cell.labels[name] === value;
  const budgets = [...new Set(results.map(({ cell }) => String(cell.labels.budget)))];
  const groups = budgets.flatMap((budget) => OPTIMIZERS.map((matrices) => ({ budget, matrices })));
  const rows = groups.flatMap(({ budget, matrices }) => {
    const own = results.filter(of("budget", budget)).filter(of("matrices", matrices));
    return RATES.flatMap((rate) => {
      const at = own.filter(of("rate", rate));
      if (at.length < KINDS.length) return [];
      const sum = at.reduce((all, { heldOut }) => all + heldOut.loss, 0);
      const each = KINDS.map(([kind]) => at.find(of("kind", kind))?.heldOut.loss.toFixed(4) ?? "");
      const pace = at.reduce((all, one) => all + one.tokensPerSecond, 0) / at.length;
      return [[budget, matrices, String(rate), ...each, sum.toFixed(4), String(Math.round(pace))]];
    });
  });
  const lines = groups.flatMap(({ budget, matrices }) =>
    KINDS.map(([kind]) => ({
      name: `${budget}, ${kind}, ${matrices}`,
      points: results
        .filter(of("budget", budget))
        .filter(of("matrices", matrices))
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
    tables: [
      {
        title: "Held-out loss",
        header: ["budget", "matrices", "rate", ...KINDS.map(([kind]) => kind), "sum", "tokens/s of a process"],
        rows,
      },
    ],
    plots: plot === undefined ? [] : [plot],
    notes: [],
  };
}
