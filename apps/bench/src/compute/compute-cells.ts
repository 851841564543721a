// The cells of one model: prefill, decode of one and of many sequences, training, each on all engines and on PyTorch in
// turn, after their logits and losses were compared.

import type { ComputeFixture } from "./compute-fixture.js";
import type { ComputeRun, TokenBatch } from "./compute-run.js";
import { type CellReport, type Contestants, runCell } from "./paired-cells.js";
import { seededIds } from "./seeded-values.js";

/** How much work a cell is. */
export interface CellSizes {
  readonly prefillTokens: number;
  /** Tokens before the steps of decoding. */
  readonly contextTokens: number;
  /** Steps of one round, at most 64. */
  readonly decodeSteps: number;
  /** Sequences that decode at once, besides one. */
  readonly decodeBatch: number;
  /** Sequences and their tokens of a step of training. */
  readonly trainSequences: number;
  readonly trainTokens: number;
  readonly rounds: number;
}

/** A contestant: a model on an engine, or in PyTorch. */
export interface ModelContestant {
  readonly name: string;
  readonly run: ComputeRun;
}

/** How far a contestant's values lie from the first one's: the norm of the difference over the norm. */
export interface Agreement {
  readonly name: string;
  readonly prefill: number;
  readonly decode: number;
}

/** Compares the logits of two short sequences, whole and over caches, with those of the first contestant. */
export async function agreement(
  fixture: ComputeFixture,
  contestants: readonly ModelContestant[],
): Promise<Agreement[]> {
  const ids = batchOf(fixture, 2, 24, 11);
  const [first, ...others] = contestants;
  const expected = (await first?.run.logits(ids)) ?? new Float32Array(0);
  const found: Agreement[] = [];
  for (const { name, run } of others) {
    const prefill = distance(await run.logits(ids), expected);
    found.push({ name, prefill, decode: distance(await run.logits(ids, 16), expected) });
  }
  return found;
}

/** Losses of some steps, and how far each contestant's lie from the first one's. */
export async function lossAgreement(fixture: ComputeFixture, contestants: readonly ModelContestant[]) {
  const { ids, targets } = trainingBatch(fixture, 2, 24);
  const losses: Record<string, readonly number[]> = {};
  for (const { name, run } of contestants) losses[name] = (await run.train(ids, targets, 4)).losses;
  const [expected = []] = Object.values(losses);
  const worst = (own: readonly number[]) =>
    Math.max(...own.map((loss, i) => Math.abs(loss / (expected[i] ?? Number.NaN) - 1)));
  return Object.entries(losses).map(([name, own]) => ({ name, losses: own, worst: worst(own) }));
}

/** Prefill and decode. */
export async function inferenceCells(
  fixture: ComputeFixture,
  contestants: readonly ModelContestant[],
  peers: readonly string[],
  sizes: CellSizes,
): Promise<CellReport[]> {
  const { prefillTokens, contextTokens, decodeSteps, rounds } = sizes;
  const about = (what: string) => `${fixture.spec.name}: ${what}`;
  const prompt = batchOf(fixture, 1, prefillTokens, 21);
  const cells = [
    await runCell(
      { name: about(`prefill of ${prefillTokens} tokens`), units: prefillTokens, unit: "tokens", rounds },
      each(contestants, ({ run }) => run.prefill(prompt, 1)),
      peers,
    ),
  ];
  for (const batch of [1, sizes.decodeBatch]) {
    const context = batchOf(fixture, batch, contextTokens, 31);
    const next = batchOf(fixture, batch, decodeSteps, 41);
    const opened: ModelContestant[] = [];
    for (const one of contestants) {
      try {
        await one.run.openDecode(context);
        opened.push(one);
      } catch (error) {
        console.error(
          `${one.name} does not decode ${batch}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
    const units = batch * decodeSteps;
    cells.push(
      await runCell(
        { name: about(`decode of ${batch}, after ${contextTokens} tokens`), units, unit: "tokens", rounds },
        each(opened, ({ run }) => run.decode(next)),
        peers,
      ),
    );
  }
  return cells;
}

/** Training steps; they change the weights. */
export function trainingCell(
  fixture: ComputeFixture,
  contestants: readonly ModelContestant[],
  peers: readonly string[],
  { trainSequences, trainTokens, rounds }: CellSizes,
): Promise<CellReport> {
  const { ids, targets } = trainingBatch(fixture, trainSequences, trainTokens);
  const name = `${fixture.spec.name}: training, ${trainSequences} sequences of ${trainTokens} tokens`;
  return runCell(
    { name, units: trainSequences * trainTokens, unit: "tokens", rounds },
    each(contestants, async ({ run }) => (await run.train(ids, targets, 1)).ns),
    peers,
  );
}

function each(contestants: readonly ModelContestant[], run: (one: ModelContestant) => Promise<number>): Contestants {
  return new Map(contestants.map((one) => [one.name, () => run(one)]));
}

function trainingBatch(fixture: ComputeFixture, sequences: number, tokens: number) {
  const ids = batchOf(fixture, sequences, tokens, 51);
  const targets = Int32Array.from(ids.flatMap((one) => [...one.subarray(1), one[0] ?? 0]));
  return { ids, targets };
}

function batchOf({ spec }: ComputeFixture, sequences: number, tokens: number, seed: number): TokenBatch {
  return Array.from({ length: sequences }, (_, s) => seededIds(tokens, spec.vocabSize, seed + 1_000 * s));
}

/** The norm of the difference over the norm of what is expected. */
export function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += ((found[i] ?? Number.NaN) - (expected[i] ?? 0)) ** 2;
    norm += (expected[i] ?? 0) ** 2;
  }
  return Math.sqrt(difference / norm);
}
