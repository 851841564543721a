// Experiment 3, memory scaling: the same model with ever larger tables. The operations of a token do not change; does the loss
// fall in a straight line with the logarithm of the slots.

import { memoryTables } from "@engram-ts/core";
import { linePlot } from "../plots/line-plot.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ExperimentReport, Verdict } from "./experiment.js";
import type { AllocationBudget } from "./models/allocated-model.js";
import { experimentModel } from "./models/experiment-model.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";
import { armsOf, lossText, meanLoss, pairedDifference } from "./report/arms.js";
import { fitLine, intervalText } from "./report/intervals.js";

const EXPERIMENT = "memory-scaling";
/** Rows of the table. */
const SLOTS = {
  miniature: [256, 1024, 4096],
  cpu: [1024, 8192, 65_536, 524_288],
  gpu: [1024, 4096, 16_384, 65_536, 262_144, 1_048_576],
} as const;
/** Of the budget's experts: what the paper's model had before it got tables. */
const EXPERT_SHARE = 1 / 3;
/** A straight line explains at least so much of the variance of the means. */
const LEAST_R2 = 0.9;

/** See the head of this file. */
export const memoryScaling: Experiment = {
  name: EXPERIMENT,
  title: "Memory scaling: loss against slots at fixed compute",
  claim:
    "With the rest of the model and its compute fixed, the loss falls in a straight line with the logarithm of the number of slots (section 3 of the paper: 258 thousand to 10 million slots beside 3 billion parameters).",
  cells(scale, vocabulary) {
    const sizes = EXPERIMENT_SIZES[scale];
    const { seeds, budgets, batch, heldOutTokens } = sizes;
    const [budget] = budgets;
    if (budget === undefined) return [];
    const cell = (seed: number, slots: number): Cell => {
      const arm = slots === 0 ? "no table" : `${slots} slots`;
      return {
        ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed },
        ...{ labels: { slots }, corpus: "mixed", batch, heldOutTokens, probes: [] },
        spec: scaledModel(budget, slots, vocabulary),
        config: experimentTraining(sizes, budget.name),
      };
    };
    return seeds.flatMap((seed) => [...SLOTS[scale], 0].map((slots) => cell(seed, slots)));
  },
  report: scalingReport,
};

function scaledModel(
  { name, sizes, tables }: AllocationBudget,
  slots: number,
  vocabulary: Parameters<typeof experimentModel>[3],
) {
  const heads = tables.blocks.length * (tables.maxOrder - 1) * tables.headsPerOrder;
  const experts = Math.max(sizes.topK, Math.round(sizes.experts * EXPERT_SHARE));
  const own = slots === 0 ? undefined : { ...tables, slots: Math.floor(slots / heads) };
  return experimentModel(`${name}-slots${slots}`, { ...sizes, experts }, own, vocabulary);
}

function scalingReport(results: readonly CellResult[]): ExperimentReport | undefined {
  const arms = [...armsOf(results).values()].map((own) => ({ slots: Number(own[0]?.cell.labels.slots), own }));
  const points = arms.filter(({ slots }) => slots > 0).toSorted((a, b) => a.slots - b.slots);
  const none = arms.find(({ slots }) => slots === 0)?.own ?? [];
  if (points.length < 3) return undefined;
  const fit = fitLine(
    points.flatMap(({ slots, own }) => own.map(({ heldOut }) => [Math.log10(slots), heldOut.loss] as const)),
  );
  const means = fitLine(points.map(({ slots, own }) => [Math.log10(slots), meanLoss(own)] as const));
  const line = [points[0], points.at(-1)].flatMap((point) =>
    point === undefined ? [] : [[point.slots, fit.intercept + fit.slope.value * Math.log10(point.slots)] as const],
  );
  const ends = [points[0]?.slots ?? 1, points.at(-1)?.slots ?? 1];
  const plot = linePlot({
    id: EXPERIMENT,
    title: "Held-out loss against the rows of the table",
    note: "Compute of a token is the same at every point. Each point is the mean over seeds, strokes are their range; the broken lines are the straight line through all cells, and the model without a table.",
    x: {
      label: "rows of the table",
      scale: "log",
      format: (slots) => (slots >= 1e6 ? `${slots / 1e6}M` : slots >= 1e3 ? `${slots / 1e3}k` : String(slots)),
    },
    y: { label: "held-out loss, nats", scale: "linear", format: (value) => value.toFixed(3) },
    lines: [
      {
        name: "held-out loss",
        points: points.map(({ slots, own }) => [slots, meanLoss(own)] as const),
        ranges: points.map(({ slots, own }) => {
          const losses = own.map(({ heldOut }) => heldOut.loss);
          return [slots, Math.min(...losses), Math.max(...losses)] as const;
        }),
      },
      { name: "straight line", broken: true, points: line },
      ...(none.length === 0
        ? []
        : [{ name: "no table", broken: true, points: ends.map((slots) => [slots, meanLoss(none)] as const) }]),
    ],
  });
  return {
    verdicts: [verdictOf(fit, means.r2, points.length)],
    tables: [
      {
        title: "Tables",
        header: ["slots", "rows", "total parameters", "held-out loss", "against no table"],
        rows: [...points, ...(none.length === 0 ? [] : [{ slots: 0, own: none }])].map(({ slots, own }) => [
          slots === 0 ? "no table" : String(slots),
          String(rowsOf(own[0])),
          `${((own[0]?.parameters.total ?? 0) / 1e6).toFixed(2)}M`,
          lossText(own),
          slots === 0 ? "" : intervalText(pairedDifference(own, none)),
        ]),
      },
    ],
    plots: plot === undefined ? [] : [plot],
    notes: [
      "Equal between the points: all but the rows of the one table, so that operations and activated parameters of a token are the same. The model without a table lacks the engram's projections, too, and has fewer operations.",
      "A text of a few million tokens has some hundred thousand different pairs and a million triples of tokens: a table with more rows than that has nothing more to hold, where the paper's text has.",
    ],
  };
}

function rowsOf(result: CellResult | undefined): number {
  const memory = result?.cell.spec.memory;
  return memory === undefined ? 0 : memoryTables(memory).reduce((sum, { rows }) => sum + rows, 0);
}

function verdictOf({ slope }: ReturnType<typeof fitLine>, r2: number, points: number): Verdict {
  const sentence = `Over ${points} sizes the loss changes by ${intervalText(slope)} nats for each tenfold of slots; a straight line explains ${(100 * r2).toFixed(0)} % of the variance of the means (${(100 * LEAST_R2).toFixed(0)} % asked for).`;
  if (slope.high < 0)
    return {
      outcome: r2 >= LEAST_R2 ? "reproduced" : "not reproduced",
      sentence: r2 >= LEAST_R2 ? sentence : `${sentence} It falls, but not in a straight line.`,
    };
  return { outcome: slope.low > 0 ? "not reproduced" : "not decided", sentence };
}
