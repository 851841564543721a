// Caches of a batch's sequences, written and read. New tokens go into a slab by one operation a run of neighbouring slots,
// at rows that the host names, so that a decode step is the same graph for many steps. They are read back through the node
// that wrote them, as [n, keys, heads, sequences] where the slots of a run lie at equal distances.

import { EngramError } from "@engram-ts/core";
import type { GgmlNode } from "../nodes/node.js";
import { setRows } from "../nodes/products.js";
import { hostLeaf, slice, view } from "../nodes/shape.js";
import type { CacheSlot } from "../runtime/cache-slabs.js";
import type { GgmlTensor, TensorFacts } from "../tensor.js";
import type { EngineContext } from "./operation.js";
import { type BatchSequence, runsOf, type SequenceBatch, type SequenceRun } from "./sequence-batch.js";

/** Where the sequences of a call lie, by their numbers. */
export type CacheSlots = readonly CacheSlot[];

/**
 * The slots of checked handles.
 * @throws EngramError `invalid-argument` for a tensor that is no cache.
 */
export function cacheSlots(operation: string, caches: readonly GgmlTensor[]): CacheSlots {
  return caches.map((cache, s) => {
    const { cache: slot } = cache as TensorFacts; // all handles of this engine are
    if (slot !== undefined) return slot;
    const message = `caches[${s}] is a tensor; make caches with createCache`;
    throw new EngramError({ code: "invalid-argument", operation, message });
  });
}

/** Runs whose slots lie in one slab at equal distances, in order. */
export function cacheRuns(batch: SequenceBatch, slots: CacheSlots): readonly SequenceRun[] {
  return runsOf(batch.sequences, (run, next) => {
    const [a, b] = [slots[run[0]?.sequence ?? 0], slots[next.sequence]];
    if (a === undefined || b === undefined || a.slab !== b.slab) return false;
    const second = slots[run[1]?.sequence ?? next.sequence] ?? b;
    const step = second.slot - a.slot;
    return step > 0 && b.slot === a.slot + run.length * step;
  });
}

/** Columns of a run's slots: [n, tokens of all slots from its first to its last]. */
interface RunColumns {
  readonly node: GgmlNode;
  readonly slot: CacheSlot;
  /** Slots from one sequence to the next. */
  readonly step: number;
}

function runColumns(run: SequenceRun, slots: CacheSlots, at: number, n: number): RunColumns {
  const slot = slotOf(slots, run.members[0]);
  const last = slotOf(slots, run.members.at(-1));
  const { node, tokens } = slot.slab;
  const [value, row, whole] = node.strides;
  const span = (last.slot - slot.slot + 1) * tokens;
  const columns = view(node, [n, span, 1, 1], [row, row * span, row * span], slot.slot * whole + at * value);
  return { node: columns, slot, step: run.count > 1 ? (last.slot - slot.slot) / (run.count - 1) : 1 };
}

/**
 * Writes a run's tokens, values [n, N] of all tokens of the batch, into columns from `at` on. Gives the columns as written.
 */
export function writeTokens(
  engine: EngineContext,
  batch: SequenceBatch,
  run: SequenceRun,
  slots: CacheSlots,
  at: number,
  values: GgmlNode,
): RunColumns {
  const columns = runColumns(run, slots, at, values.sides[0]);
  const { tokens } = columns.slot.slab;
  const name = `rows ${run.members[0]?.sequence} ${run.count} ${tokens} ${columns.step}`;
  const ids = batch.leaf(name, () => {
    const rows = new BigInt64Array(run.length * run.count);
    run.members.forEach(({ start }, s) => {
      const first = s * columns.step * tokens + start;
      for (let t = 0; t < run.length; t++) rows[s * run.length + t] = BigInt(first + t);
    });
    return hostLeaf("i64", [rows.length], rows);
  });
  const written = setRows(columns.node, slice(values, 1, run.from, run.length * run.count), ids);
  engine.effect(written);
  return { ...columns, node: written };
}

/** Keys that a run needs, rounded up so that many steps run the same graph; what is past the end is masked. */
export function keysRead({ members, length }: SequenceRun, { slab }: CacheSlot): number {
  const needed = members.reduce((most, { start }) => Math.max(most, start + length), 0);
  const step = length > FEW ? 32 : needed > 256 ? 256 : Math.max(32, 2 ** Math.ceil(Math.log2(needed)));
  return Math.min(slab.tokens, Math.ceil(needed / step) * step);
}

const FEW = 16;

/** Heads of `n` values, the first of them at column `at` of what was written: [n, keys, heads, sequences], a view. */
export function readHeads(
  { node, slot, step }: RunColumns,
  run: SequenceRun,
  { at, n, heads, keys }: { readonly at: number; readonly n: number; readonly heads: number; readonly keys: number },
): GgmlNode {
  const [value, row] = node.strides;
  const strides = [row, n * value, step * slot.slab.tokens * row] as const;
  return view(node, [n, keys, heads, run.count], strides, at * value);
}

function slotOf(slots: CacheSlots, one: BatchSequence | undefined): CacheSlot {
  const slot = slots[one?.sequence ?? -1];
  if (slot !== undefined) return slot;
  throw new EngramError({
    code: "invalid-argument",
    operation: "caches",
    message: "a sequence has no cache; give one each",
  });
}
