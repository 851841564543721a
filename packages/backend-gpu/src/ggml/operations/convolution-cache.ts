// The ring that a convolution's cache is: a token lies at its position modulo the ring's tokens. What lies before the new
// tokens is read first, then these are written. Sequences whose caches lie in one slab are read and written together. Not
// here: caches of attention, which are read where they lie (cache-access.ts).

import { multiply } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { getRows, setRows } from "../nodes/products.js";
import { hostLeaf, slice, view } from "../nodes/shape.js";
import type { CacheSlot } from "../runtime/cache-slabs.js";
import { aligned } from "./aligned-view.js";
import { joined } from "./attention-core.js";
import type { CacheSlots } from "./cache-access.js";
import type { EngineContext } from "./operation.js";
import type { BatchSequence, SequenceBatch } from "./sequence-batch.js";

/** Neighbouring sequences with caches in one slab. */
interface Group {
  readonly members: readonly { readonly one: BatchSequence; readonly slot: CacheSlot }[];
  /** The slab from the first slot of the group on, and what names this arrangement of slots. */
  readonly rows: GgmlNode;
  readonly ring: number;
  readonly firstSlot: number;
  readonly name: string;
}

/** Tokens before each sequence's new ones, zeros before the first: [C, S * pad]. Undefined where all sequences begin. */
export function readHistory(
  engine: EngineContext,
  batch: SequenceBatch,
  slots: CacheSlots,
  pad: number,
): GgmlNode | undefined {
  if (pad === 0 || batch.sequences.every(({ start }) => start === 0)) return undefined;
  const pieces = groupsOf(batch, slots).map(({ members, rows, ring, firstSlot, name }) => {
    const ids = batch.leaf(`history ${pad} ${name}`, () => {
      const places = members.flatMap(({ one: { start }, slot: { slot } }) =>
        Array.from({ length: pad }, (_, i) => (slot - firstSlot) * ring + (Math.max(0, start - pad + i) % ring)),
      );
      return hostLeaf("i32", [places.length], Int32Array.from(places));
    });
    const read = getRows(aligned(rows, engine), ids);
    if (members.every(({ one }) => one.start >= pad)) return read;
    const there = batch.leaf(`there ${pad} ${name}`, () => {
      const ones = members.flatMap(({ one: { start } }) =>
        Array.from({ length: pad }, (_, i) => (start - pad + i < 0 ? 0 : 1)),
      );
      return hostLeaf("f32", [1, ones.length], Float32Array.from(ones));
    });
    return multiply(read, there);
  });
  return joined(pieces, 1);
}

/** Writes the latest tokens of each sequence, of values [C, N]. */
export function writeHistory(engine: EngineContext, batch: SequenceBatch, slots: CacheSlots, values: GgmlNode): void {
  for (const { members, rows, ring, firstSlot, name } of groupsOf(batch, slots)) {
    const from = members[0]?.one.from ?? 0;
    const tokens = members.reduce((sum, { one }) => sum + one.length, 0);
    const own = slice(values, 1, from, tokens);
    const latest = members.flatMap(({ one, slot }) => {
      const first = Math.max(0, one.length - ring);
      return Array.from({ length: one.length - first }, (_, i) => ({
        token: one.from - from + first + i,
        place: (slot.slot - firstSlot) * ring + ((one.start + first + i) % ring),
      }));
    });
    const ids = batch.leaf(`latest ${name}`, () =>
      hostLeaf(
        "i64",
        [latest.length],
        BigInt64Array.from(latest, ({ place }) => BigInt(place)),
      ),
    );
    const kept =
      latest.length === tokens
        ? own
        : getRows(
            aligned(own, engine),
            batch.leaf(`kept ${name}`, () =>
              hostLeaf(
                "i32",
                [latest.length],
                Int32Array.from(latest, ({ token }) => token),
              ),
            ),
          );
    engine.effect(setRows(rows, kept, ids));
  }
}

function groupsOf({ sequences }: SequenceBatch, slots: CacheSlots): readonly Group[] {
  const groups: { one: BatchSequence; slot: CacheSlot }[][] = [];
  for (const one of sequences) {
    const slot = slots[one.sequence];
    if (slot === undefined) continue; // there is one each
    const last = groups.at(-1);
    if (last?.[0]?.slot.slab === slot.slab) last.push({ one, slot });
    else groups.push([{ one, slot }]);
  }
  return groups.flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const { node, tokens: ring, width } = first.slot.slab;
    const places = members.map(({ slot }) => slot.slot);
    const firstSlot = Math.min(...places);
    const span = (Math.max(...places) - firstSlot + 1) * ring;
    const [, row, whole] = node.strides;
    const rows = view(node, [width, span, 1, 1], [row, row * span, row * span], firstSlot * whole);
    const name = `${first.one.sequence} ${ring} ${places.map((place) => place - firstSlot).join(" ")}`;
    return [{ members, rows, ring, firstSlot, name }];
  });
}
