// What a model loses when its table is taken away, task by task: with zeros in place of rows, with the rows of other ids,
// with rows that never were trained. Factual tasks beside contextual ones: the paper (section on sensitivity) keeps 29 to
// 44 % of a score on the former and 81 to 93 % on the latter; here a score is how far a loss lies below that of token
// frequencies alone, and what is kept is the share of that which is left.

import type { TokenBatch } from "@engram-ts/train";
import { OTHER_ROWS, type OtherRows, otherRows } from "./other-rows.js";
import { predictions } from "./predictions.js";
import type { ProbedModel } from "./probed-model.js";
import type { Unigram } from "./unigram.js";

/** A task by its name: text to predict. */
export interface ProbedTask {
  readonly name: string;
  /** Whether it asks for what the training text said, or for what the same sequence said. */
  readonly kind: "factual" | "contextual" | "text";
  readonly batches: readonly TokenBatch[];
  /** Nats that knowing nothing of the text costs; those of token frequencies where left out. */
  readonly base?: number;
}

/** What to ask. */
export interface ZeroedTableOptions {
  readonly tasks: readonly ProbedTask[];
  readonly unigram: Unigram;
  /** Of shuffled and untrained rows. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** A task with one kind of rows. */
export interface RowsOutcome {
  readonly rows: "own" | OtherRows;
  readonly loss: number;
  readonly accuracy: number;
  /**
   * Share of the advantage over the task's base that is left, 1 with the model's own rows, below 0 where the model
   * does worse than those; null where it has no advantage to begin with, of 0.1 nats.
   */
  readonly kept: number | null;
}

/** A task with every kind of rows. */
export interface TaskOutcome {
  readonly name: string;
  readonly kind: ProbedTask["kind"];
  readonly tokens: number;
  /** Nats that the task is scored from: of token frequencies alone, where it has no other base. */
  readonly base: number;
  readonly rows: readonly RowsOutcome[];
}

/** Nats below which a model has learned too little of a task for shares of it to mean anything. */
const LEAST_ADVANTAGE = 0.1;

/** Asks a model for every task with every kind of rows; a model without tables is asked with none, once. */
export async function zeroedTable<T>(
  { model, tables }: ProbedModel<T>,
  { tasks, unigram, seed, signal }: ZeroedTableOptions,
): Promise<readonly TaskOutcome[]> {
  const kinds: readonly RowsOutcome["rows"][] = tables.size === 0 ? ["own"] : ["own", ...OTHER_ROWS];
  const outcomes: TaskOutcome[] = [];
  for (const { name, kind, batches, base: own } of tasks) {
    const { tokens, loss: frequencies } = baseOf(batches, unigram);
    const base = own ?? frequencies;
    const rows: RowsOutcome[] = [];
    for (const one of kinds) {
      const read = one === "own" ? tables : otherRows(tables, one, seed);
      try {
        const { loss, accuracy } = await meanOf({ model, tables: read }, batches, signal);
        const advantage = base - (rows[0]?.loss ?? loss);
        rows.push({
          ...{ rows: one, loss, accuracy },
          kept: advantage < LEAST_ADVANTAGE ? null : (base - loss) / advantage,
        });
      } finally {
        if (one !== "own") await Promise.all([...read.values()].map((store) => store.close()));
      }
    }
    outcomes.push({ name, kind, tokens, base, rows });
  }
  return outcomes;
}

function baseOf(
  batches: readonly TokenBatch[],
  { losses }: Unigram,
): { readonly tokens: number; readonly loss: number } {
  let [tokens, nats] = [0, 0];
  for (const { targets } of batches) {
    for (const target of targets) {
      if (target < 0) continue;
      tokens++;
      nats += losses[target] ?? 0;
    }
  }
  return { tokens, loss: nats / tokens };
}

async function meanOf<T>(
  probed: ProbedModel<T>,
  batches: readonly TokenBatch[],
  signal: AbortSignal | undefined,
): Promise<{ readonly loss: number; readonly accuracy: number }> {
  let [tokens, nats, guessed] = [0, 0, 0];
  for (const batch of batches) {
    signal?.throwIfAborted();
    const { losses, hits } = await predictions(probed, batch);
    tokens += losses.length;
    for (const loss of losses) nats += loss;
    for (const hit of hits) guessed += hit;
  }
  return { loss: nats / tokens, accuracy: guessed / tokens };
}
