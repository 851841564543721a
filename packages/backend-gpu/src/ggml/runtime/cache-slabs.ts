// Caches of sequences, side by side in slabs: caches of one width and length are slots of the same tensor, so that one
// operation writes the tokens of all sequences, and attention reads them as one more dimension where their slots lie at
// equal distances. A slot is zero at first: what is masked must not be NaN.

import type { CacheShape } from "@engram-ts/core";
import { EngramError } from "@engram-ts/core";
import { TYPES, type TypeName } from "../library/types.js";
import { GgmlNode } from "../nodes/node.js";
import { reshape, view } from "../nodes/shape.js";
import type { GgmlRuntime } from "./runtime.js";

/** Memory for equal caches. */
export interface CacheSlab {
  /** [width, tokens, slots], placed. */
  readonly node: GgmlNode;
  readonly width: number;
  /** Tokens of a slot: a ring of so many where the cache has a window. */
  readonly tokens: number;
  readonly slots: number;
}

/** One sequence's cache. */
export interface CacheSlot {
  readonly slab: CacheSlab;
  readonly slot: number;
  readonly shape: CacheShape;
}

/** All caches of an engine. */
export interface CacheSlabs {
  /** @throws EngramError `invalid-argument`, `out-of-memory`. */
  create(shape: CacheShape): CacheSlot;
  /** A slot with the same content, after all that was asked for before. */
  copy(slot: CacheSlot): CacheSlot;
  free(slot: CacheSlot): void;
}

/** Bytes that a slab is made for at least, where that is less than {@link MOST_SLOTS} slots. */
const SLAB_BYTES = 64 * 2 ** 20;
const MOST_SLOTS = 64;
/** Slots are whole multiples of this many tokens, which attention reads at once. */
export const CACHE_STEP = 32;

/** No caches yet. `type` is what values are kept in. */
export function cacheSlabs(runtime: GgmlRuntime, type: TypeName): CacheSlabs {
  const slabs: { slab: CacheSlab; free: number[] }[] = [];

  const slotView = ({ slab, slot }: CacheSlot): GgmlNode => {
    const { node } = slab;
    return view(
      node,
      [slab.width, slab.tokens, 1, 1],
      [node.strides[1], node.strides[2], node.strides[3]],
      slot * node.strides[2],
    );
  };
  const create = (shape: CacheShape): CacheSlot => {
    checkShape(shape);
    const tokens = tokensOf(shape);
    let found = slabs.find(({ slab, free }) => slab.width === shape.width && slab.tokens === tokens && free.length > 0);
    if (found === undefined) {
      const bytes = shape.width * tokens * TYPES[type].bytes;
      const slots = Math.max(1, Math.min(MOST_SLOTS, Math.floor(SLAB_BYTES / bytes)));
      const node = new GgmlNode(type, [shape.width, tokens, slots, 1], { operation: "leaf" });
      node.handles = 1; // the slab's own
      runtime.place(node, undefined, `caches of ${tokens} tokens`);
      found = { slab: { node, width: shape.width, tokens, slots }, free: Array.from({ length: slots }, (_, i) => i) };
      slabs.push(found);
    }
    const slot = found.free.shift() ?? 0;
    return { slab: found.slab, slot, shape };
  };
  return {
    create(shape) {
      const slot = create(shape);
      return slot;
    },
    copy(from) {
      const to = create(from.shape);
      runtime.copySlot(slotView(from), slotView(to));
      return to;
    },
    free({ slab, slot }) {
      const index = slabs.findIndex((one) => one.slab === slab);
      const found = slabs[index];
      if (found === undefined) return;
      found.free.push(slot);
      found.free.sort((a, b) => a - b);
      if (found.free.length < slab.slots) return;
      slabs.splice(index, 1);
      runtime.release(slab.node);
    },
  };
}

/** All slots of a slab as rows: [width, tokens * slots]. */
export function slabRows({ node, width, tokens, slots }: CacheSlab): GgmlNode {
  return reshape(node, width, tokens * slots);
}

function tokensOf({ capacity, window }: CacheShape): number {
  const least = window === undefined ? capacity : Math.min(capacity, window);
  return Math.max(1, Math.ceil(least / CACHE_STEP)) * CACHE_STEP;
}

function checkShape(shape: CacheShape): void {
  for (const field of ["width", "capacity", "window"] as const) {
    const value = shape[field];
    if (value === undefined && field === "window") continue;
    if (Number.isSafeInteger(value) && (value ?? 0) > 0 && (value ?? 0) < 2 ** 31) continue;
    throw new EngramError({
      code: "invalid-argument",
      operation: "createCache",
      message: `${field} is ${String(value)}; use a whole number from 1 to 2^31 - 1`,
    });
  }
}
