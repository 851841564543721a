// The batches of the next step, drawn while the backend computes: their row ids are hashed, their rows read.
// A checkpoint gets the source's position from before them, so that a resumed run draws them again. Not here: reading rows.

import { type AddressedModel, EngramError, type RowsNeeded, rowsNeeded } from "@engram-ts/core";
import type { TokenBatch, TokenSource } from "../data/token-batch.js";

/** A batch that is ready to run. */
export interface PreparedBatch {
  readonly tokens: TokenBatch;
  readonly rows: readonly RowsNeeded[];
  /** Targets that count. */
  readonly counted: number;
}

/** Steps' batches, one step ahead. */
export interface BatchQueue {
  /** Draws the next step's batches, where they are not drawn yet. Never throws: {@link take} does. */
  prefetch(): Promise<void>;
  /**
   * The next step's batches.
   * @throws what the source throws; EngramError `invalid-argument` for a batch that is none, `token-out-of-range`.
   */
  take(): Promise<readonly PreparedBatch[]>;
  /** Where the source stood before the batches that were drawn and not taken. */
  position(): unknown;
  /** Goes to a position; what was drawn is forgotten. */
  restore(position: unknown): Promise<void>;
}

/** A queue over a source. */
export function batchQueue(
  source: TokenSource,
  model: AddressedModel,
  options: { readonly accumulation: number; drawn(batches: readonly PreparedBatch[]): void },
): BatchQueue {
  let drawn: { readonly position: unknown; readonly batches: Promise<readonly PreparedBatch[]> } | undefined;
  const draw = async (): Promise<readonly PreparedBatch[]> => {
    const batches: PreparedBatch[] = [];
    for (let i = 0; i < options.accumulation; i++) batches.push(prepared(model, await source.next()));
    if (batches.some(({ counted }) => counted > 0)) {
      options.drawn(batches);
      return batches;
    }
    throw refused("the batches of a step have no target that counts; give sequences of two tokens or more");
  };
  const start = () => {
    drawn ??= { position: source.state(), batches: draw() };
    return drawn;
  };
  return {
    async prefetch() {
      await start().batches.catch(() => undefined);
    },
    async take() {
      const { batches } = start();
      const taken = await batches;
      drawn = undefined;
      return taken;
    },
    position: () => (drawn === undefined ? source.state() : drawn.position),
    async restore(position) {
      await drawn?.batches.catch(() => undefined); // no draw of before may come after
      drawn = undefined;
      source.restore(position);
    },
  };
}

function prepared(model: AddressedModel, tokens: TokenBatch): PreparedBatch {
  const { ids, targets, cumulativeLengths } = tokens;
  const { vocabSize } = model.spec;
  if (ids.length === 0 || targets.length !== ids.length) {
    throw refused(
      `a batch has ${ids.length} tokens and ${targets.length} targets; give one target a token, and a token`,
    );
  }
  if (cumulativeLengths[0] !== 0 || cumulativeLengths.at(-1) !== ids.length) {
    throw refused(
      `cumulativeLengths goes from ${cumulativeLengths[0]} to ${cumulativeLengths.at(-1)}, not from 0 to ${ids.length}`,
    );
  }
  let counted = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] ?? 0;
    const target = targets[i] ?? 0;
    if (id >= vocabSize || target >= vocabSize) {
      throw new EngramError({
        code: "token-out-of-range",
        operation: "trainer",
        message: `token ${i} of a batch is ${id} and its target ${target}, and the model has ${vocabSize} tokens; train with the tokenizer that the model was made for`,
        context: { index: i, id, target, vocabSize },
      });
    }
    if (target >= 0) counted++;
  }
  return { tokens, rows: rowsNeeded(model, tokens), counted };
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "trainer", message });
}
