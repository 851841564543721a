// Experiment 6, what the table does inside a model: what is left of it when its rows are zeros, task by task, and how near each
// block is to the last word (LogitLens), with a table and without at equal parameters and operations.

import { barPlot } from "../plots/bar-plot.js";
import { linePlot } from "../plots/line-plot.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ExperimentReport, ReportTable, Scale, Verdict } from "./experiment.js";
import { allocatedModel } from "./models/allocated-model.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";
import type { LogitLens } from "./probes/logit-lens.js";
import type { ZeroedTableResult } from "./probes/zeroed-table-probe.js";
import { armsOf, pairedDifference } from "./report/arms.js";
import { type Interval, intervalText, meanInterval } from "./report/intervals.js";

const EXPERIMENT = "mechanism";
/** Near the share of the paper's 27B model, 74.3 %. */
const RHO = 0.75;
const MEMORY = "table";
const EXPERTS = "experts alone";
/** Tokens that each task is asked of, and the lens. */
const PROBED: Readonly<Record<Scale, number>> = { miniature: 256, cpu: 4096, gpu: 8192 };
/** Texts whose tasks are asked for besides the mixed one. */
const OTHER_CORPORA: Readonly<Record<Scale, readonly string[]>> = {
  miniature: [],
  cpu: ["factual", "code"],
  gpu: ["factual", "code"],
};

/** See the head of this file. */
export const mechanism: Experiment = {
  name: EXPERIMENT,
  title: "What the table does inside: rows zeroed, and LogitLens",
  claim:
    "Without its table the paper's model keeps 29 to 44 % of its scores on factual tasks and 81 to 93 % on reading comprehension; and with a table early blocks are nearer to the final distribution than without (section 6 of the paper).",
  cells(scale, vocabulary) {
    const sizes = EXPERIMENT_SIZES[scale];
    const { seeds, batch, heldOutTokens } = sizes;
    const [budget] = sizes.budgets;
    if (budget === undefined) return [];
    const probe = (name: string) => ({ probe: name, options: { tokens: PROBED[scale] } });
    const cell = (seed: number, rho: number, corpus: string): Cell => {
      const arm = `${corpus} ${rho === 1 ? EXPERTS : MEMORY}`;
      return {
        ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed, corpus },
        ...{ labels: { model: rho === 1 ? EXPERTS : MEMORY, corpus, rho }, batch, heldOutTokens },
        probes: [probe("zeroed-table"), ...(corpus === "mixed" ? [probe("logit-lens")] : [])],
        spec: allocatedModel(budget, rho, vocabulary),
        config: experimentTraining(sizes, budget.name),
      };
    };
    return [
      ...seeds.flatMap((seed) => [RHO, 1].map((rho) => cell(seed, rho, "mixed"))),
      ...OTHER_CORPORA[scale].flatMap((corpus) => seeds.map((seed) => cell(seed, RHO, corpus))),
    ];
  },
  report(results) {
    const zeroed = zeroedReport(results);
    const lens = lensReport(results);
    const parts = [zeroed, lens].filter((part) => part !== undefined);
    if (parts.length === 0) return undefined;
    return {
      verdicts: parts.flatMap(({ verdicts }) => verdicts),
      tables: parts.flatMap(({ tables }) => tables),
      plots: parts.flatMap(({ plots }) => plots),
      notes: parts.flatMap(({ notes }) => notes),
    };
  },
};

const zeroedOf = ({ probes }: CellResult) => probes["zeroed-table"] as unknown as ZeroedTableResult | undefined; // as the probe wrote it
const lensOf = ({ probes }: CellResult) => probes["logit-lens"] as unknown as LogitLens | undefined; // as the probe wrote it

/** Share that a task keeps with other rows. */
function keptOf(result: CellResult, task: string, rows: string): number | undefined {
  const found = zeroedOf(result)?.tasks.find(({ name }) => name === task);
  return found?.rows.find((one) => one.rows === rows)?.kept ?? undefined;
}

function zeroedReport(results: readonly CellResult[]): ExperimentReport | undefined {
  const own = results.filter((one) => one.cell.labels.model === MEMORY && zeroedOf(one) !== undefined);
  const tasks = [...new Set(own.flatMap((one) => (zeroedOf(one)?.tasks ?? []).map(({ name }) => name)))];
  if (own.length === 0 || tasks.length === 0) return undefined;
  const corpora = [...new Set(own.map(({ cell }) => cell.corpus))];
  const each = corpora.flatMap((corpus) => {
    const cells = own.filter(({ cell }) => cell.corpus === corpus);
    return tasks.map((task) => ({ corpus, task, cells, kept: keptInterval(cells, task, "zeros") }));
  });
  const plot = barPlot({
    id: "zeroed-table",
    title: "What is left without the table",
    note: "Share of a task's advantage over token frequencies that is left when the table's rows are zeros, the mean of the seeds with its 95 % interval. Tasks that the model had not learned (no advantage of 0.1 nats) are left out.",
    value: { label: "share kept", scale: "linear", from: 0, format: (share) => `${Math.round(100 * share)} %` },
    bars: each
      .filter(({ kept }) => kept.count > 0)
      .map(({ corpus, task, kept }) => ({
        name: corpus === "mixed" ? task : `${task}, ${corpus}`,
        value: kept.value,
        ...(Number.isFinite(kept.low) && { range: [kept.low, kept.high] as const }),
        colour: task.startsWith("copied") ? 1 : 0,
      })),
    colours: ["what the training text said", "what the same sequence said"],
  });
  const table: ReportTable = {
    title: "Loss with other rows in the table's place, nats, and the share kept with zeros",
    header: ["corpus", "task", "token frequencies", "own rows", "zeros", "shuffled", "untrained", "kept with zeros"],
    rows: each.map(({ corpus, task, cells, kept }) => {
      const found = cells.flatMap((one) => zeroedOf(one)?.tasks.find(({ name }) => name === task) ?? []);
      const mean = (values: readonly number[]) => meanInterval(values).value.toFixed(3);
      const losses = ["own", "zeros", "shuffled", "untrained"].map((rows) =>
        mean(found.flatMap((one) => one.rows.find((other) => other.rows === rows)?.loss ?? [])),
      );
      return [corpus, task, mean(found.map(({ unigram }) => unigram)), ...losses, shareText(kept)];
    }),
  };
  return {
    verdicts: [zeroedVerdict(own.filter(({ cell }) => cell.corpus === "mixed"))],
    tables: [table],
    plots: plot === undefined ? [] : [plot],
    notes: [
      "Factual: the last tokens of held-out 4-grams that the training text has 16 times or more. Contextual: the second occurrence of a segment of 32 tokens, fewer where rows are short.",
      "A score is the loss below that of token frequencies (with one added to each count); the paper's are scores of benchmarks, which models of this size cannot take. The direction can be compared, the percentages hardly.",
      "Shuffled rows are those of other ids; untrained ones are as a table's before its first step.",
    ],
  };
}

function keptInterval(cells: readonly CellResult[], task: string, rows: string): Interval {
  return meanInterval(cells.flatMap((one) => keptOf(one, task, rows) ?? []));
}

function zeroedVerdict(results: readonly CellResult[]): Verdict {
  const factual = keptInterval(results, "frequent phrases", "zeros");
  const name = ["copied held-out text", "copied random tokens"].find(
    (task) => keptInterval(results, task, "zeros").count === results.length,
  );
  if (factual.count < results.length || name === undefined || results.length === 0) {
    const missing = factual.count < results.length ? "the frequent phrases" : "copying within a sequence";
    return {
      outcome: "not decided",
      sentence: `Zeroed rows: models of this size and training have not learned ${missing}, so that there is nothing to keep. With zeros ${shareText(factual)} of the advantage on frequent phrases is left.`,
    };
  }
  const difference = meanInterval(
    results.flatMap((one) => {
      const [contextual, own] = [keptOf(one, name, "zeros"), keptOf(one, "frequent phrases", "zeros")];
      return contextual === undefined || own === undefined ? [] : [contextual - own];
    }),
  );
  const contextual = keptInterval(results, name, "zeros");
  const sentence = `Zeroed rows keep ${shareText(factual)} of the advantage on frequent phrases and ${shareText(contextual)} on ${name}; the difference is ${intervalText(difference, 3)}.`;
  if (difference.low > 0) return { outcome: "reproduced", sentence };
  return { outcome: difference.high < 0 ? "not reproduced" : "not decided", sentence };
}

function lensReport(results: readonly CellResult[]): ExperimentReport | undefined {
  const seen = results.filter((one) => lensOf(one) !== undefined);
  const [memory = [], experts = []] = [MEMORY, EXPERTS].map((model) =>
    seen.filter((one) => one.cell.labels.model === model),
  );
  if (memory.length === 0 || experts.length === 0) return undefined;
  const blocks = lensOf(memory[0] as CellResult)?.blocks.map(({ layer }) => layer) ?? []; // there is one
  const at = (layer: number) => (one: CellResult) => lensOf(one)?.blocks[layer]?.divergence;
  const entropy = (layer: number) => (one: CellResult) => lensOf(one)?.blocks[layer]?.entropy;
  const mean = (cells: readonly CellResult[], of: (one: CellResult) => number | undefined) =>
    meanInterval(cells.flatMap((one) => of(one) ?? []));
  const arms = armsOf(seen);
  const plot = linePlot({
    id: "logit-lens",
    title: "How far each block is from the last word",
    note: "Divergence of the final distribution from that after each block, averaged over held-out tokens and seeds; the last block is 0 by definition. Less is nearer.",
    x: { label: "after block", scale: "linear", ticks: blocks.map((layer) => [layer, String(layer)] as const) },
    y: { label: "divergence, nats", scale: "linear", from: 0, format: (value) => value.toFixed(1) },
    lines: [...arms].map(([name, own]) => ({
      name,
      points: blocks.map((layer) => [layer, mean(own, at(layer)).value] as const),
    })),
  });
  const early = blocks.slice(0, -1);
  const differences = early.map((layer) => ({ layer, difference: pairedDifference(memory, experts, at(layer)) }));
  const table: ReportTable = {
    title: "LogitLens: divergence and entropy after each block, nats",
    header: ["block", ...[...arms.keys()].flatMap((name) => [name, "its entropy"]), "difference"],
    rows: blocks.map((layer) => [
      `${layer}${memory[0]?.cell.spec.blocks[layer]?.engram === undefined ? "" : ", reads the table"}`,
      ...[...arms.values()].flatMap((own) => [
        mean(own, at(layer)).value.toFixed(3),
        mean(own, entropy(layer)).value.toFixed(3),
      ]),
      intervalText(differences.find((one) => one.layer === layer)?.difference ?? meanInterval([0, 0]), 3),
    ]),
  };
  const total = pairedDifference(
    memory,
    experts,
    (one) => early.reduce((sum, layer) => sum + (at(layer)(one) ?? 0), 0) / early.length,
  );
  const parts = differences
    .map(({ layer, difference }) => `after block ${layer} ${intervalText(difference, 3)}`)
    .join(", ");
  const sentence = `LogitLens: with a table the divergence is ${intervalText(total, 3)} nats that without, the mean of all blocks but the last (${parts}).`;
  const outcome = total.high < 0 ? "reproduced" : total.low > 0 ? "not reproduced" : "not decided";
  return { verdicts: [{ outcome, sentence }], tables: [table], plots: plot === undefined ? [] : [plot], notes: [] };
}

function shareText({ value, low, high, count }: Interval): string {
  if (count === 0) return "nothing to keep";
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  return Number.isFinite(low)
    ? `${percent(value)} (${percent(low)} to ${percent(high)})`
    : `${percent(value)} (one seed)`;
}
