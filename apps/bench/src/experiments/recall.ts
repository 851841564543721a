// Experiment 5, recall in long contexts: values asked by their keys, among pairs laid end to end and hidden as needles in real
// text, with a table and without at equal parameters and operations. Keys are of two tokens, so that somebody has to put them
// together: n-gram rows, or attention.

import { linePlot } from "../plots/line-plot.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ReportTable, Scale, Verdict } from "./experiment.js";
import { type AllocationBudget, allocatedModel } from "./models/allocated-model.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";
import type { RecallPoint, RecallResult } from "./probes/recall-probe.js";
import { RECALL_TASKS, type RecallTask } from "./probes/recall-task.js";
import { armsOf, pairedDifference } from "./report/arms.js";
import { intervalText, meanInterval } from "./report/intervals.js";
import { zeroedReport } from "./zeroed-report.js";

const EXPERIMENT = "recall";
const RHO = 0.75;
const EXPERTS = "experts alone";
const MEMORY = "table";
const BARE = "table, no convolution";

/** Rows that are trained on, tokens in all, and what is asked; lengths past a row's were never trained on. */
const SIZES = {
  miniature: { batch: { rows: 4, length: 64 }, tokens: 768, lengths: [64], pairs: [2], answers: 8, sides: 4 },
  cpu: {
    ...{ batch: { rows: 16, length: 64 }, tokens: 640_000, lengths: [32, 64, 128, 256] },
    ...{ pairs: [2, 4, 8], answers: 128, sides: 4 },
  },
  gpu: {
    ...{ batch: { rows: 8, length: 256 }, tokens: 2 ** 21, lengths: [64, 128, 256, 512, 1024] },
    ...{ pairs: [2, 4, 8, 16], answers: 128, sides: 5 },
  },
} as const satisfies Readonly<Record<Scale, object>>;

/** Tried for this text, whose tasks are learned late; the other experiments' rates were chosen on texts. */
const RATE = 4e-3;

/** Tokens of each task that is asked without the table's rows. */
const ZEROED: Readonly<Record<Scale, number>> = { miniature: 128, cpu: 4096, gpu: 8192 };

/** See the head of this file. */
export const recall: Experiment = {
  name: EXPERIMENT,
  title: "Recall in long contexts: pairs and needles",
  claim:
    "With a table attention is free for what is far away: multi-query needles are found in 97.0 % of cases instead of 84.2 % at equal size (section 5 of the paper, 32,768 tokens); and what is read from the context is kept where the table is zeroed, unlike facts (section 6).",
  cells(scale, vocabulary) {
    const sizes = EXPERIMENT_SIZES[scale];
    const { batch, tokens, lengths, pairs, answers, sides } = SIZES[scale];
    const [budget] = sizes.budgets;
    if (budget === undefined) return [];
    const context = Math.max(batch.length, ...lengths);
    const long = (convolution: boolean): AllocationBudget => ({
      ...budget,
      sizes: { ...budget.sizes, contextTokens: context },
      tables: { ...budget.tables, convolution },
    });
    const arms = [
      { arm: MEMORY, rho: RHO, budget: long(true) },
      { arm: EXPERTS, rho: 1, budget: long(true) },
      { arm: BARE, rho: RHO, budget: long(false) },
    ];
    const cellOf = (seed: number, { arm, rho, budget: own }: (typeof arms)[number]): Cell => ({
      ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed },
      ...{
        labels: { model: arm, rho, trained: batch.length },
        corpus: "mixed",
        batch,
        heldOutTokens: sizes.heldOutTokens,
      },
      text: { name: "recall", options: { sides, mostPairs: Math.max(...pairs) } },
      probes: [
        { probe: "recall", options: { lengths, pairs, answers, sides } },
        ...(arm === MEMORY ? [{ probe: "zeroed-table", options: { tokens: ZEROED[scale], sides } }] : []),
      ],
      spec: allocatedModel(own, rho, vocabulary),
      config: experimentTraining({ ...sizes, batch }, budget.name, { tokens, matrices: "muon", learningRate: RATE }),
    });
    const [first, second, third] = arms;
    const both = sizes.seeds.flatMap((seed) => [first, second].flatMap((arm) => (arm ? [cellOf(seed, arm)] : [])));
    return [...both, ...sizes.seeds.flatMap((seed) => (third ? [cellOf(seed, third)] : []))];
  },
  report(results) {
    const found = results.filter(({ probes }) => probes.recall !== undefined);
    const arms = armsOf(found);
    const [memory, experts] = [arms.get(MEMORY), arms.get(EXPERTS)];
    if (memory === undefined || experts === undefined) return undefined;
    const plots = RECALL_TASKS.flatMap((task) => plotOf(task, arms) ?? []);
    const zeroed = zeroedReport("recall-zeroed-table", memory);
    return {
      verdicts: [...RECALL_TASKS.map((task) => verdictOf(task, memory, experts)), ...(zeroed?.verdicts ?? [])],
      tables: [...RECALL_TASKS.map((task) => tableOf(task, arms)), ...(zeroed?.tables ?? [])],
      plots: [...plots, ...(zeroed?.plots ?? [])],
      notes: [
        `Equal between the arms: total and activated parameters, and operations of a token, within 1 %; text, steps, learning rate. With a table, experts have ${Math.round(100 * RHO)} % of the sparse parameters.`,
        "An answer is right where both tokens of the value are the first guess. Guessing among the values of a sequence is right in one of as many cases as it has pairs.",
        `Rows of ${trainedLength(memory)} tokens were trained on, and halves and quarters of them; what is longer tests positions that were never seen. A quarter of the rows is real text.`,
        "Matrices inside blocks are trained by Muon, as the paper's are, in all arms.",
        "Fresh keys are made of the same tokens as those of training, in pairs that training never had: no row of the table stands for them.",
        ...(zeroed?.notes ?? []),
      ],
    };
  },
};

const pointsOf = ({ probes }: CellResult) => (probes.recall as unknown as RecallResult).points; // as the probe wrote it

function trainedLength(results: readonly CellResult[]): number {
  return results[0]?.cell.batch.length ?? 0;
}

/** Accuracy of a cell, the mean of the points that are wanted. */
function accuracyOf(result: CellResult, wanted: (point: RecallPoint) => boolean): number | undefined {
  const points = pointsOf(result).filter(wanted);
  return points.length === 0 ? undefined : points.reduce((sum, { accuracy }) => sum + accuracy, 0) / points.length;
}

/** Mean over seeds. */
function meanOf(results: readonly CellResult[], wanted: (point: RecallPoint) => boolean) {
  return meanInterval(results.flatMap((one) => accuracyOf(one, wanted) ?? []));
}

/** The lengths and the numbers of pairs that were asked. */
function axesOf(results: readonly CellResult[], task: RecallTask) {
  const points = results.flatMap(pointsOf).filter((point) => point.task === task);
  const sorted = (values: readonly number[]) => [...new Set(values)].toSorted((a, b) => a - b);
  return { lengths: sorted(points.map(({ length }) => length)), pairs: sorted(points.map(({ pairs }) => pairs)) };
}

function plotOf(task: RecallTask, arms: ReadonlyMap<string, readonly CellResult[]>) {
  const { lengths } = axesOf([...arms.values()].flat(), task);
  return linePlot({
    id: `recall-${task}`,
    title: task === "pairs" ? "Associative recall by context length" : "Multi-query needles by context length",
    note: `Share of answers that are right, the mean over numbers of pairs and seeds, keys of training. Rows of ${trainedLength([...arms.values()].flat())} tokens at most were trained on.`,
    x: {
      label: "tokens of the sequence",
      scale: "log",
      ticks: lengths.map((length) => [length, String(length)] as const),
    },
    y: { label: "right answers", scale: "linear", from: 0, format: (share) => `${Math.round(100 * share)} %` },
    lines: [...arms].map(([name, own]) => ({
      name,
      points: lengths.map(
        (length) =>
          [
            length,
            meanOf(own, (one) => one.task === task && one.keys === "trained" && one.length === length).value,
          ] as const,
      ),
    })),
  });
}

function tableOf(task: RecallTask, arms: ReadonlyMap<string, readonly CellResult[]>): ReportTable {
  const { lengths, pairs } = axesOf([...arms.values()].flat(), task);
  const rows = (["trained", "fresh"] as const).flatMap((keys) =>
    lengths.flatMap((length) =>
      pairs.flatMap((count) => {
        const wanted = (one: RecallPoint) =>
          one.task === task && one.keys === keys && one.length === length && one.pairs === count;
        const cells = [...arms.values()].map((own) => meanOf(own, wanted));
        if (cells.every((one) => one.count === 0)) return [];
        return [[keys, String(length), String(count), ...cells.map(({ value }) => percent(value))]];
      }),
    ),
  );
  return { title: `Right answers, ${task}`, header: ["keys", "tokens", "pairs", ...arms.keys()], rows };
}

function verdictOf(task: RecallTask, memory: readonly CellResult[], experts: readonly CellResult[]): Verdict {
  const seen = trainedLength(memory);
  const wanted = (one: RecallPoint) => one.task === task && one.keys === "trained" && one.length <= seen;
  const fresh = (one: RecallPoint) => one.task === task && one.keys === "fresh" && one.length <= seen;
  const beyond = (one: RecallPoint) => one.task === task && one.keys === "trained" && one.length > seen;
  const name = task === "pairs" ? "Associative recall" : "Multi-query needles";
  const points = memory.flatMap(pointsOf).filter(wanted);
  const guess = points.reduce((sum, { pairs }) => sum + 1 / pairs, 0) / points.length;
  const [own, others] = [meanOf(memory, wanted), meanOf(experts, wanted)];
  const difference = (of: (point: RecallPoint) => boolean) =>
    intervalText(scaled(pairedDifference(memory, experts, (one) => accuracyOf(one, of))), 1);
  const further = meanOf(memory, beyond).count > 0 ? `, beyond the trained lengths ${difference(beyond)}` : "";
  const sentence = `${name}: ${percent(own.value)} right with a table and ${percent(others.value)} with experts alone at the trained lengths (guessing among the values ${percent(guess)}); the difference is ${difference(wanted)} points, with fresh keys ${difference(fresh)}${further}.`;
  if (own.value <= guess && others.value <= guess) {
    return { outcome: "not decided", sentence: `${sentence} Neither model has learned the task.` };
  }
  const { low, high } = pairedDifference(memory, experts, (one) => accuracyOf(one, wanted));
  return { outcome: low > 0 ? "reproduced" : high < 0 ? "not reproduced" : "not decided", sentence };
}

function scaled({ value, low, high, count }: ReturnType<typeof meanInterval>) {
  return { value: 100 * value, low: 100 * low, high: 100 * high, count };
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : "";
}
