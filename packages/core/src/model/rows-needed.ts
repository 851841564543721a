// Which rows a batch needs, known from its tokens alone before any of it runs: one set of row ids for each block with an
// engram, hashed for all its sequences at once. Not here: reading them.

import { DEAD_TOKEN } from "../addressing/contexts.js";
import type { NgramHistory } from "../addressing/history.js";
import { compressIds } from "../addressing/token-map.js";
import { EngramError } from "../errors.js";
import type { Model } from "./forward-model.js";

/** The rows that one block needs for a batch. */
export interface RowsNeeded {
  /** The block's index, and the number of its table. */
  readonly layer: number;
  /** `[N, rowsPerToken]`. */
  readonly rowIds: Uint32Array;
}

/** What of a model its addressing needs. */
export type AddressedModel = Pick<Model<unknown>, "spec" | "addressing" | "tokenMap">;

/** Sequences laid end to end. */
export interface PackedTokens {
  /** Raw token ids, `[N]`. */
  readonly ids: Uint32Array;
  /** `[sequences + 1]`, from 0 to N. */
  readonly cumulativeLengths: Uint32Array;
  /** 1 where a token is dead: no look-back passes it and its gates are 0. Only where the addressing knows dead tokens. */
  readonly dead?: Uint8Array;
}

/**
 * Packs sequences into a batch; their lengths may differ, and may be 0.
 * @throws EngramError `token-out-of-range` naming sequence, place and id.
 */
export function packTokens(sequences: readonly (Uint32Array | readonly number[])[]): PackedTokens {
  const cumulativeLengths = new Uint32Array(sequences.length + 1);
  sequences.forEach((ids, s) => {
    cumulativeLengths[s + 1] = (cumulativeLengths[s] ?? 0) + ids.length;
  });
  const packed = new Uint32Array(cumulativeLengths.at(-1) ?? 0);
  sequences.forEach((ids, s) => {
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] ?? -1;
      if (id >>> 0 !== id) {
        throw new EngramError({
          code: "token-out-of-range",
          operation: "packTokens",
          message: `sequences[${s}][${i}] is ${String(id)}; ids are whole numbers from 0`,
        });
      }
    }
    packed.set(ids, cumulativeLengths[s]);
  });
  return { ids: packed, cumulativeLengths };
}

/** The ids that the model's addressing hashes: compressed, and marked where dead. */
export function addressedIds(model: AddressedModel, { ids, dead }: PackedTokens): Uint32Array {
  const compressed = model.tokenMap === undefined ? ids : compressIds(model.tokenMap, ids);
  if (dead === undefined) return compressed;
  if (model.addressing?.config.kind !== "deepseek-v4.1" || dead.length !== ids.length) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "forward",
      message: `dead has ${dead.length} entries for ${ids.length} tokens; only addressing of kind deepseek-v4.1 has dead tokens, one entry a token`,
    });
  }
  return compressed.map((id, i) => (dead[i] ? DEAD_TOKEN : id));
}

/**
 * The rows of every block with an engram, in the order of the blocks.
 * @param histories what precedes each sequence; none at their start.
 * @throws EngramError as `addressing.rowIdsPacked` and `compressIds`.
 */
export function rowsNeeded(
  model: AddressedModel,
  tokens: PackedTokens,
  histories?: readonly (NgramHistory | undefined)[],
): readonly RowsNeeded[] {
  const { addressing, spec } = model;
  if (addressing === undefined) return [];
  const ids = addressedIds(model, tokens);
  return spec.blocks.flatMap(({ engram }, layer) =>
    engram === undefined
      ? []
      : [{ layer, rowIds: addressing.rowIdsPacked(layer, ids, tokens.cumulativeLengths, histories) }],
  );
}
