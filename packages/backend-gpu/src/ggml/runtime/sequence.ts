// A stage written down as numbers: the same numbers mean the same graph in the same places, so that a graph that was built
// and planned once runs again for every later step of the same shapes.

import { TYPES } from "../library/types.js";
import { type GgmlNode, misfit } from "../nodes/node.js";

/** What a place in a sequence is. */
export type ItemKind = "operation" | "placed" | "host";

/** One tensor of a graph. */
export interface SequenceItem {
  readonly node: GgmlNode;
  readonly kind: ItemKind;
  /** Places of its sources in the sequence. */
  readonly sources: readonly number[];
}

/** A stage, ready to be looked up or built. */
export interface Sequence {
  readonly items: readonly SequenceItem[];
  /** Places of the items whose values are kept. */
  readonly outputs: readonly number[];
  readonly numbers: Float64Array;
  readonly hash: number;
}

const operations = new Map<string, number>();

/** Writes down nodes that run in this order, of which the roots in `kept` stay. */
export function sequenceOf(nodes: readonly GgmlNode[], kept: ReadonlySet<GgmlNode>): Sequence {
  const items: SequenceItem[] = [];
  const places = new Map<GgmlNode, number>();
  const numbers = new Numbers();

  const place = (given: GgmlNode): number => {
    const node = given.expansion ?? given;
    const known = places.get(node);
    if (known !== undefined) return known;
    const kind = node.place !== undefined ? "placed" : node.operation === "leaf" ? "host" : "operation";
    const sources = kind === "operation" ? node.sources.map(place) : [];
    const index = items.length;
    items.push({ node, kind, sources });
    places.set(node, index);
    numbers.add(operationNumber(kind === "operation" ? node.operation : kind), TYPES[node.type].id, ...node.sides);
    if (node.place !== undefined) {
      if (node.root !== node && !node.packed) throw misfit("leaf", "values that are not packed", node);
      // addresses are unique within a buffer only: on graphics processors they are offsets
      for (const pointer of [node.place.buffer, node.place.address]) {
        numbers.add(Number(pointer & 0xffffffffn), Number(pointer >> 32n));
      }
    }
    for (const parameter of node.parameters) numbers.add(parameter);
    for (const source of sources) numbers.add(source);
    return index;
  };
  for (const node of nodes) place(node);
  const outputs = [...new Set([...kept].map((node) => places.get(node.expansion ?? node) ?? -1))].filter(
    (index) => items[index]?.kind === "operation",
  );
  numbers.add(-1, ...outputs);
  const all = numbers.values();
  return { items, outputs, numbers: all, hash: hashOf(all) };
}

/** Are two sequences the same graph? */
export function sameNumbers(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function operationNumber(name: string): number {
  const known = operations.get(name);
  if (known !== undefined) return known;
  operations.set(name, operations.size + 1);
  return operations.size;
}

/** Numbers as they come. */
class Numbers {
  private all = new Float64Array(4096);
  private count = 0;

  add(...numbers: readonly number[]): void {
    if (this.count + numbers.length > this.all.length) {
      const more = new Float64Array(2 * this.all.length + numbers.length);
      more.set(this.all);
      this.all = more;
    }
    for (const number of numbers) this.all[this.count++] = number;
  }

  values(): Float64Array {
    return this.all.slice(0, this.count);
  }
}

/** FNV-1a over the 32-bit halves. */
function hashOf(numbers: Float64Array): number {
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(numbers.buffer, numbers.byteOffset, 2 * numbers.length)) {
    hash = Math.imul(hash ^ word, 0x01000193);
  }
  return hash >>> 0;
}
