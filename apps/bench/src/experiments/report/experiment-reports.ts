// What the stored results say of each experiment, with the facts that all reports name alike: sizes, seeds, tokens, engines,
// machines, commits. Not here: how it is shown.

import type { CellResult } from "../cell.js";
import type { Experiment, ExperimentReport } from "../experiment.js";

/** An experiment that has results. */
export interface FoundReport {
  readonly name: string;
  readonly title: string;
  readonly claim: string;
  readonly report: ExperimentReport;
  /** Sentences. */
  readonly facts: readonly string[];
}

/** The reports of those experiments that have results enough. */
export function experimentReports(
  experiments: readonly Experiment[],
  results: readonly CellResult[],
): readonly FoundReport[] {
  return experiments.flatMap(({ name, title, claim, report: make }) => {
    const own = results.filter(({ cell }) => cell.experiment === name);
    const report = own.length === 0 ? undefined : make(own);
    return report === undefined ? [] : [{ name, title, claim, report, facts: factsOf(own) }];
  });
}

function factsOf(results: readonly CellResult[]): string[] {
  const range = (of: (result: CellResult) => number, unit: (value: number) => string) => {
    const values = results.map(of);
    const [low, high] = [unit(Math.min(...values)), unit(Math.max(...values))];
    return low === high ? low : `${low} to ${high}`;
  };
  const names = (of: (result: CellResult) => string) => [...new Set(results.map(of))].toSorted().join(", ");
  const millions = (value: number) => `${(value / 1e6).toFixed(2)}M`;
  const seeds = new Set(results.map(({ cell }) => cell.seed)).size;
  const arms = new Set(results.map(({ cell }) => cell.arm)).size;
  const epochs = Math.max(...results.map((one) => one.epochs));
  const blocks = range(({ cell }) => cell.spec.blocks.length, String);
  const batches = names(({ cell }) => `${cell.batch.rows} x ${cell.batch.length}`);
  return [
    `${results.length} cells: ${arms} arms, ${seeds} seeds. Models: ${blocks} blocks of width ${range(({ cell }) => cell.spec.width, String)}, ${range((one) => one.parameters.total, millions)} parameters, of which ${range((one) => one.parameters.activated, millions)} activated.`,
    `Each is trained on ${range((one) => one.tokens, millions)} tokens of ${names(({ cell }) => cell.corpus)} in batches of ${batches}, learning rate ${names(({ cell }) => String(cell.config.learningRate))}; ${epochs <= 1 ? "no text is read twice" : `the text is read up to ${epochs.toFixed(1)} times, which tables overfit`}. Held-out loss of ${range(({ heldOut }) => heldOut.targets, millions)} tokens.`,
    `Engines: ${names(({ engine, machine }) => `${engine} (${machine.device})`)}; ${range(
      (one) => one.seconds,
      (value) => `${value.toFixed(0)} s`,
    )} a cell, ${range(
      (one) => one.tokensPerSecond,
      (value) => `${Math.round(value)} tokens/s`,
    )}. Commit ${names(({ commit }) => commit)}.`,
    "Intervals are of 95 %, by Student's t over seeds, of differences between cells of the same seed.",
  ];
}
