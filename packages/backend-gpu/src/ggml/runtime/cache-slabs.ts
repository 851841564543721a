// Caches of sequences, side by side in slabs: caches of one width and length are slots of the same tensor, so that one
// operation writes the tokens of all sequences, and attention reads them as one more dimension where their slots lie at
// equal distances. A slot is zero at first: what is masked must not be NaN. Slabs without a sequence are kept for the next
// one, within limits: to take and clear fresh memory costs a graphics processor more than a short prompt.

import type { CacheShape } from "@engram-ts/core";
import { EngramError, isEngramError } from "@engram-ts/core";
import { TYPES, type TypeName } from "../library/types.js";
import { GgmlNode } from "../nodes/node.js";
import { view } from "../nodes/shape.js";
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

/**
 * What a slab is made for: so many bytes, but no more than so many slots. A batch is one run where its slots lie in one slab,
 * and a run is one operation: on a graphics processor, where each costs the same however small, slabs are larger, and each
 * further one of a shape is twice as large as those before.
 */
const SLABS = {
  cpu: { bytes: 64 * 2 ** 20, slots: 64, growth: 1, most: 64 * 2 ** 20 },
  gpu: { bytes: 512 * 2 ** 20, slots: 4096, growth: 2, most: 2 ** 31 },
} as const;
/** Part of a device's memory that a slab takes at most, but for one slot. */
const MOST_SHARE = 1 / 16;
/** Part of a device's memory that slabs without a sequence keep at most, together. */
const MOST_KEPT_SHARE = 1 / 32;
/** Slots are whole multiples of this many tokens, which attention reads at once. */
const CACHE_STEP = 32;

interface OpenSlab {
  readonly slab: CacheSlab;
  readonly free: number[];
  /** Slots that had a sequence. */
  readonly used: Set<number>;
}

/** No caches yet. `type` is what values are kept in. */
export function cacheSlabs(runtime: GgmlRuntime, type: TypeName, device: "cpu" | "gpu"): CacheSlabs {
  const slabs: OpenSlab[] = [];
  /** Those without a sequence, the one that was left last at the end. */
  const kept = new Set<OpenSlab>();
  const limits = SLABS[device];

  const drop = (empty: OpenSlab): void => {
    kept.delete(empty);
    slabs.splice(slabs.indexOf(empty), 1);
    runtime.release(empty.slab.node);
  };
  /** Gives back what is kept beyond so many bytes, what was left first. */
  const shrink = (most: number): void => {
    let bytes = 0;
    for (const { slab } of kept) bytes += slab.node.bytes;
    for (const empty of [...kept]) {
      if (bytes <= most) return;
      bytes -= empty.slab.node.bytes;
      drop(empty);
    }
  };

  const open = (width: number, tokens: number): OpenSlab => {
    const slotBytes = width * tokens * TYPES[type].bytes;
    const alike = slabs.filter(({ slab }) => slab.width === width && slab.tokens === tokens).length;
    const bytes = Math.min(limits.bytes * limits.growth ** alike, limits.most, runtime.memory.left * MOST_SHARE);
    let slots = Math.max(1, Math.min(limits.slots, Math.floor(bytes / slotBytes)));
    for (;;) {
      const node = new GgmlNode(type, [width, tokens, slots, 1], { operation: "leaf" });
      try {
        runtime.place(node, undefined, `${slots === 1 ? "a cache" : "caches"} of ${tokens} tokens`);
      } catch (error) {
        if (slots === 1 || !isEngramError(error, "out-of-memory")) throw error;
        shrink(0);
        slots = Math.ceil(slots / 4);
        continue;
      }
      node.handles = 1; // the slab's own
      const slab = { node, width, tokens, slots };
      const opened = { slab, free: Array.from({ length: slots }, (_, i) => i), used: new Set<number>() };
      slabs.push(opened);
      return opened;
    }
  };

  const slotView = ({ slab, slot }: CacheSlot): GgmlNode => {
    const { node } = slab;
    return view(
      node,
      [slab.width, slab.tokens, 1, 1],
      [node.strides[1], node.strides[2], node.strides[3]],
      slot * node.strides[2],
    );
  };
  const create = (shape: CacheShape): { readonly slot: CacheSlot; readonly used: boolean } => {
    checkShape(shape);
    const { width } = shape;
    const tokens = tokensOf(shape);
    const known = slabs.find(({ slab, free }) => slab.width === width && slab.tokens === tokens && free.length > 0);
    const opened = known ?? open(width, tokens);
    kept.delete(opened);
    const { slab, free, used } = opened;
    const slot = free.shift() ?? 0;
    const before = used.has(slot);
    used.add(slot);
    return { slot: { slab, slot, shape }, used: before };
  };
  return {
    create(shape) {
      const { slot, used } = create(shape);
      if (used) runtime.clear(slotView(slot));
      return slot;
    },
    copy(from) {
      const { slot: to } = create(from.shape);
      runtime.copySlot(slotView(from), slotView(to));
      return to;
    },
    free({ slab, slot }) {
      const found = slabs.find((one) => one.slab === slab);
      if (found === undefined) return;
      found.free.push(slot);
      found.free.sort((a, b) => a - b);
      if (found.free.length < slab.slots) return;
      kept.add(found);
      shrink((runtime.memory.left + runtime.memory.taken) * MOST_KEPT_SHARE);
    },
  };
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
