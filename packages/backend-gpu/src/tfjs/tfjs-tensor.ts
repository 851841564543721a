// The handles of this engine, and what is behind them. A handle says its shape; its values are a tensor of tfjs, which
// another takes the place of when a parameter changes, or the content of a cache.

import type { SequenceCache } from "./sequence-cache.js";
import { elements } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";

/** A tensor of the tfjs engine; a handle, opaque but for its shape. */
export interface TfjsTensor {
  readonly shape: readonly number[];
}

/** What is behind a handle. */
export type Held =
  | { array: TfjsArray; readonly cache?: never }
  | { readonly cache: SequenceCache; readonly array?: never };

/** The tensors of tfjs behind a handle. */
export function arraysOf(held: Held): readonly TfjsArray[] {
  return held.cache === undefined ? [held.array] : held.cache.tokens.parts;
}

/** Bytes of the values behind a handle; each is a float32. */
export function bytesOf(held: Held): number {
  return arraysOf(held).reduce((sum, { shape }) => sum + 4 * elements(shape), 0);
}
