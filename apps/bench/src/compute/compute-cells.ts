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

/** Tells of a contestant that failed. */
export type FailureListener = (name: string, error: unknown) => void;

/** Compares the logits of two short sequences, whole and over caches, with those of the first contestant. */
export async function agreement(
  fixture: Pick<ComputeFixture, "spec">,
  contestants: readonly ModelContestant[],
  failed: FailureListener,
): Promise<Agreement[]> {
  const ids = batchOf(fixture, 2, 24, 11);
  let expected: Float32Array | undefined;
  const found: Agreement[] = [];
  for (const { name, run } of contestants) {
    try {
      const whole = await run.logits(ids);
      expected ??= whole;
      const prefill = distance(whole, expected);
      found.push({ name, prefill, decode: distance(await run.logits(ids, 16), expected) });
    } catch (error) {
      failed(name, error);
    }
  }
  return found;
}

/** Losses of some steps, and how far each contestant's lie from the first one's, as parts of them. */
export async function lossAgreement(
  fixture: Pick<ComputeFixture, "spec">,
  contestants: readonly ModelContestant[],
  failed: FailureListener,
): Promise<{ readonly name: string; readonly losses: readonly number[]; readonly worst: number }[]> {
  const { ids, targets } = trainingBatch(fixture, 2, 24);
  let expected: readonly number[] | undefined;
  const found: { name: string; losses: readonly number[]; worst: number }[] = [];
  for (const { name, run } of contestants) {
    try {
      const { losses } = await run.train(ids, targets, 4);
      expected ??= losses;
      const of = expected;
      const worst = Math.max(...losses.map((loss, i) => Math.abs(loss / (of[i] ?? Number.NaN) - 1)));
      found.push({ name, losses, worst });
    } catch (error) {
      failed(name, error);
    }
  }
  return found;
}

/** Prefill and decode. */
export async function inferenceCells(
  fixture: Pick<ComputeFixture, "spec">,
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
  fixture: Pick<ComputeFixture, "spec">,
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

function trainingBatch(fixture: Pick<ComputeFixture, "spec">, sequences: number, tokens: number) {
  const ids = batchOf(fixture, sequences, tokens, 51);
  const targets = Int32Array.from(ids.flatMap((one) => [...one.subarray(1), one[0] ?? 0]));
  return { ids, targets };
}

function batchOf({ spec }: Pick<ComputeFixture, "spec">, sequences: number, tokens: number, seed: number): TokenBatch {
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
