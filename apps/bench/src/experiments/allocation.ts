// Experiment 1, sparsity allocation: models of equal total and activated parameters, and equal operations of a token, whose
// sparse parameters lie in experts and in a table in different shares. Is there a U, and where.

import { memoryTables } from "@engram-ts/core";
import { linePlot } from "../plots/line-plot.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ExperimentReport, ReportTable, Verdict } from "./experiment.js";
import { allocatedModel } from "./models/allocated-model.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";
import { armsOf, lossText, meanLoss, pairedDifference, pairedDifferences } from "./report/arms.js";
import { intervalText } from "./report/intervals.js";

const EXPERIMENT = "allocation";
const RHOS = {
  miniature: [1, 0.8, 0.5, 0.2],
  cpu: [1, 0.8, 0.5, 0.1],
  gpu: [1, 0.9, 0.8, 0.65, 0.5, 0.3, 0.1],
} as const;

/** Where the paper finds the least loss. */
const PAPER_BEST = { low: 0.75, high: 0.8 };

/** See the head of this file. */
export const allocation: Experiment = {
  name: EXPERIMENT,
  title: "Sparsity allocation: experts or memory",
  claim:
    "At fixed total and activated parameters the validation loss is U-shaped in rho, the share of sparse parameters that experts have: least at rho of 75 to 80 %, and higher with experts alone (section 3 of the paper; there 5.7 and 9.9 billion parameters).",
  cells(scale, vocabulary) {
    const sizes = EXPERIMENT_SIZES[scale];
    const { seeds, budgets, batch, heldOutTokens } = sizes;
    return seeds.flatMap((seed) =>
      budgets.flatMap((budget) =>
        RHOS[scale].map((rho): Cell => {
          const arm = `${budget.name} rho ${rho}`;
          return {
            ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed },
            ...{ labels: { budget: budget.name, rho }, corpus: "mixed", batch, heldOutTokens, probes: [] },
            spec: allocatedModel(budget, rho, vocabulary),
            config: experimentTraining(sizes, budget.name),
          };
        }),
      ),
    );
  },
  report: allocationReport,
};

function allocationReport(results: readonly CellResult[]): ExperimentReport | undefined {
  const budgets = [...new Set(results.map(({ cell }) => String(cell.labels.budget)))];
  const found = budgets.map((budget) =>
    ofBudget(
      budget,
      results.filter(({ cell }) => cell.labels.budget === budget),
    ),
  );
  if (found.every(({ points }) => points.length < 3)) return undefined;
  const plot = linePlot({
    id: "allocation",
    title: "Held-out loss against the share of experts",
    note: "Each point is the mean over seeds of models with equal parameters and operations; less is better. rho is the share of sparse parameters that experts have, 100 % is no table. The difference to each budget's model of experts alone is drawn, so that budgets share an axis; strokes are the range over seeds.",
    x: {
      label: "rho, share of sparse parameters in experts",
      scale: "linear",
      format: (rho) => `${Math.round(100 * rho)} %`,
    },
    y: { label: "loss minus that of experts alone, nats", scale: "linear", format: (value) => value.toFixed(3) },
    lines: found.flatMap(({ budget, points }) => {
      const alone = points.find(({ rho }) => rho === 1)?.own;
      if (alone === undefined) return [];
      const known = points.flatMap(({ rho, own }) => {
        const differences = pairedDifferences(own, alone);
        return differences.length === 0 ? [] : [{ rho, differences }];
      });
      const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
      return [
        {
          name: budget,
          points: known.map(({ rho, differences }) => [rho, mean(differences)] as const),
          ranges: known.map(
            ({ rho, differences }) => [rho, Math.min(...differences), Math.max(...differences)] as const,
          ),
        },
      ];
    }),
  });
  return {
    verdicts: found.flatMap(({ verdicts }) => verdicts),
    tables: found.map(({ table }) => table),
    plots: plot === undefined ? [] : [plot],
    notes: [
      "Equal between the points of a budget: total parameters, activated parameters and operations of a token within 1 % (counted, and tested), text and its order for a seed, batch, steps, schedule, learning rate (rows five times of it), optimizer.",
      "Different: the number of routed experts, the table's rows, and the dense block's width, which pays for the engram's projections.",
      "The paper trains thousands of times larger models on ten tokens and more for each parameter; here a parameter sees less than one, so that experts have little to learn from, which favours memory.",
    ],
  };
}

function ofBudget(budget: string, results: readonly CellResult[]) {
  const arms = armsOf(results);
  const points = [...arms.values()]
    .map((own) => ({ rho: Number(own[0]?.cell.labels.rho), loss: meanLoss(own), own }))
    .toSorted((a, b) => b.rho - a.rho);
  const alone = points.find(({ rho }) => rho === 1)?.own ?? [];
  const table: ReportTable = {
    title: `Budget ${budget}`,
    header: [
      "rho",
      "experts",
      "rows of the table",
      "total",
      "activated",
      "FLOPs a token",
      "held-out loss",
      "against experts alone",
    ],
    rows: points.map(({ rho, own }) => {
      const [first] = own;
      const moe = first?.cell.spec.blocks.find(({ feedForward }) => feedForward.kind === "moe")?.feedForward;
      const experts = moe?.kind === "moe" ? String(moe.routedExperts) : "";
      const { total = 0, activated = 0, flopsPerToken = 0 } = first?.parameters ?? {};
      const difference = rho === 1 ? "" : intervalText(pairedDifference(own, alone));
      const sizes = [total, activated, flopsPerToken].map((value) => `${(value / 1e6).toFixed(3)}M`);
      return [String(rho), experts, rowsText(first), ...sizes, lossText(own), difference];
    }),
  };
  return { budget, points, table, verdicts: verdictsOf(budget, points) };
}

function rowsText(result: CellResult | undefined): string {
  const memory = result?.cell.spec.memory;
  if (memory === undefined) return "none";
  return String(memoryTables(memory).reduce((sum, { rows }) => sum + rows, 0));
}

interface Point {
  readonly rho: number;
  readonly loss: number;
  readonly own: readonly CellResult[];
}

/** Whether there is a U, and whether it is where the paper has it. */
function verdictsOf(budget: string, points: readonly Point[]): readonly Verdict[] {
  const [alone, ...others] = points;
  const last = others.at(-1);
  if (alone?.rho !== 1 || last === undefined || others.length < 2) return [];
  const best = points.reduce((least, one) => (one.loss < least.loss ? one : least), alone);
  const against = (one: Point) => pairedDifference(best.own, one.own);
  const near = points.filter((one) => one === best || !(against(one).high < 0)).map(({ rho }) => rho);
  const range =
    near.length === 1 ? "every other point is worse" : `not distinguishable from it are rho ${near.join(", ")}`;
  const place = `${budget}: of ${points.length} points the loss is least at rho ${best.rho}; ${range}.`;
  const sides = [alone, last].filter((one) => one !== best);
  const said = sides.map((one) => `${intervalText(against(one))} nats against rho ${one.rho}`).join(", ");
  const within = best !== alone && best !== last;
  const surely = sides.every((one) => against(one).high < 0);
  const shape = within
    ? `The least loss lies between the ends: ${said}.`
    : `The least loss is at an end of what was tried: ${said}.`;
  const isU = within && surely ? "reproduced" : !within && surely ? "not reproduced" : "not decided";
  const there = near.some((rho) => rho >= PAPER_BEST.low && rho <= PAPER_BEST.high);
  const isThere = !there ? "not reproduced" : near.length <= points.length / 2 ? "reproduced" : "not decided";
  return [
    { outcome: isU, sentence: `A U, budget ${budget}. ${shape}` },
    { outcome: isThere, sentence: `Its place, ${place} The paper has it at ${PAPER_BEST.low} to ${PAPER_BEST.high}.` },
    gainVerdict(budget, best, alone),
  ];
}

/** Whether giving some of the experts' parameters to a table helps at all. */
function gainVerdict(budget: string, best: Point, alone: Point): Verdict {
  const difference = pairedDifference(best.own, alone.own);
  const outcome = best === alone ? "not reproduced" : difference.high < 0 ? "reproduced" : "not decided";
  const sentence = `A table helps, budget ${budget}: the best point, rho ${best.rho}, has ${intervalText(difference)} nats against experts alone (-0.0139 in the paper, at 9.9 billion parameters).`;
  return { outcome, sentence };
}
