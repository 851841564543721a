// What every probe looks at: a trained model with the rows of its tables. Plain data; how it was trained, and on what, is
// the cell's business.

import type { Model, RowStore } from "@engram-ts/core";

/** A model that can be asked. */
export interface ProbedModel<T> {
  readonly model: Model<T>;
  /** The rows of each block with an engram; none for models without. */
  readonly tables: ReadonlyMap<number, RowStore>;
}

/** A tokenised text to count in: token shards, or anything alike. */
export interface CountedText {
  /** All ids, [tokens]. */
  readonly ids: Uint16Array | Uint32Array;
  /** Where documents begin, and at the end the number of tokens, [documents + 1]. */
  readonly documentStarts: Uint32Array;
}
