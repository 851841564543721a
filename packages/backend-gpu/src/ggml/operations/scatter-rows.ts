// Rows added to those of a matrix by number, where several may have one number: what no operation of ggml does on all
// devices. The host knows the numbers, so it sorts them; neighbours with one number are summed by products with matrices of
// zeros and ones, in chunks, and what crosses a chunk's end again; then each number is read, added to and written once. The
// order of all sums is the host's, so that equal calls give equal sums. Shapes depend on the number of rows alone, never on
// what repeats, so that a step's graph is found again. Letters: n rows, d their width, z chunks.

import { add, clamp, concat, repeat, scale, square, subtract } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { getRows, mulMat, setRows } from "../nodes/products.js";
import { hostLeaf, packedTranspose, reshape } from "../nodes/shape.js";

/** Rows of a chunk; up to `WHOLE` rows are summed in one. More makes fewer operations and larger matrices. */
const CHUNK = 32;
const WHOLE = 256;

/** `into[:, ids[t]] += rows[:, t]`: into [d, V], rows [d, n], n >= 1; a node that shows `into` with the sums. */
export function scatterRows(into: GgmlNode, ids: Uint32Array, rows: GgmlNode): GgmlNode {
  const { length } = ids;
  const order = sortedPlaces(ids, into.sides[1]);
  const keys = new Int32Array(length);
  for (let i = 0; i < length; i++) keys[i] = ids[order[i] as number] as number; // order holds places of ids
  const { node, places, distinct } = sumNeighbours(rows, order, keys, length);
  // past the end the first again, with its sum: the same values are written once more
  const numbers = new Int32Array(length).fill(distinct[0] ?? 0);
  const taken = new Int32Array(length).fill(places[0] ?? 0);
  numbers.set(distinct);
  taken.set(places);
  const sums = getRows(node, hostLeaf("i32", [length], taken));
  const before = getRows(into, hostLeaf("i32", [length], numbers));
  return setRows(into, add(before, sums), hostLeaf("i64", [length], wide(numbers)));
}

/** As 64-bit numbers, which are written by their lower halves: a BigInt each would take longer than all else here. */
function wide(numbers: Int32Array): BigInt64Array {
  const all = new BigInt64Array(numbers.length);
  const halves = new Int32Array(all.buffer); // the lower ones first, as on all processors that ggml is built for
  for (let i = 0; i < numbers.length; i++) halves[2 * i] = numbers[i] as number; // i < length
  return all;
}

/** Places of ids in ascending order of ids, equal ones in their own order. */
function sortedPlaces(ids: Uint32Array, vocabulary: number): Int32Array {
  const next = new Uint32Array(vocabulary + 1); // where the next of each id goes
  const { length } = ids;
  for (let t = 0; t < length; t++) {
    const id = ids[t] as number; // below vocabulary, as the caller has checked
    next[id + 1] = (next[id + 1] as number) + 1;
  }
  for (let id = 0; id < vocabulary; id++) next[id + 1] = (next[id + 1] as number) + (next[id] as number);
  const order = new Int32Array(length);
  for (let t = 0; t < length; t++) {
    const id = ids[t] as number; // as above
    const at = next[id] as number;
    next[id] = at + 1;
    order[at] = t;
  }
  return order;
}

/** Sums of rows with one key. */
interface KeySums {
  /** [d, any]. */
  readonly node: GgmlNode;
  /** Where each distinct key's sum is. */
  readonly places: Int32Array;
  /** The keys, ascending. */
  readonly distinct: Int32Array;
}

/**
 * Sums neighbours with one key: of rows [d, any] those taken, with their ascending keys.
 * @param capacity as many as are taken, or more: shapes are made for it.
 */
function sumNeighbours(rows: GgmlNode, taken: Int32Array, keys: Int32Array, capacity: number): KeySums {
  const chunk = capacity <= WHOLE ? capacity : CHUNK;
  const chunks = Math.ceil(capacity / chunk);
  const padded = new Int32Array(chunks * chunk); // past the end the first row, that no sum takes
  padded.set(taken);
  const { slots, places, distinct, crossing, crossed } = chunkSlots(keys, chunk, chunks);
  const d = rows.sides[0];
  const picked = reshape(getRows(rows, hostLeaf("i32", [padded.length], padded)), d, chunk, chunks);
  const sums = mulMat(packedTranspose(picked), zerosAndOnes(slots, chunk, chunks)); // [d, chunk, z]
  const node = reshape(sums, d, chunk * chunks);
  if (chunks === 1) return { node, places, distinct };
  // a chunk's first and last sum may belong to a key of its neighbours, too
  const more = sumNeighbours(node, crossing, crossed, 2 * chunks);
  more.distinct.forEach((run, i) => {
    places[run] = chunk * chunks + (more.places[i] as number); // one for each
  });
  return { node: concat(node, more.node, 1), places, distinct };
}

/** Which of its chunk's sums each row counts in: 1 there, else 0, [row][slot][z]. Made of the slots on the device. */
function zerosAndOnes(slots: Float32Array, chunk: number, chunks: number): GgmlNode {
  const all = repeat(hostLeaf("f32", [chunk, chunk], slotNumbers(chunk)), [chunk, chunk, chunks, 1]);
  const others = subtract(all, hostLeaf("f32", [chunk, 1, chunks], slots));
  return clamp(scale(square(others), -1, 1), 0, 1); // 1 less a square: 1, 0 or below
}

const MOST_KEPT = 8;
const kept = new Map<number, Float32Array>();

/** The number of each slot, for each row; never written to again, since graphs that wait share it. */
function slotNumbers(chunk: number): Float32Array {
  const known = kept.get(chunk);
  if (known !== undefined) return known;
  const numbers = new Float32Array(chunk * chunk);
  for (let slot = 0; slot < chunk; slot++) numbers.fill(slot, slot * chunk, (slot + 1) * chunk);
  if (kept.size === MOST_KEPT) kept.clear();
  kept.set(chunk, numbers);
  return numbers;
}

/**
 * Gives each row a slot among its chunk's sums, 0, 1 and so on as keys change; -1 past the end.
 * @returns besides, where each distinct key's first sum is, and of keys with several the places of all of them, and which
 * keys they are.
 */
function chunkSlots(keys: Int32Array, chunk: number, chunks: number) {
  const count = keys.length;
  const slots = new Float32Array(chunks * chunk).fill(-1);
  const places = new Int32Array(count);
  const distinct = new Int32Array(count);
  const crossing = new Int32Array(2 * chunks);
  const crossed = new Int32Array(2 * chunks);
  let runs = 0;
  let parts = 0; // of keys with several sums
  let slot = 0;
  let row = chunk - 1;
  let before = -1; // no key
  for (let i = 0; i < count; i++) {
    const key = keys[i] as number; // i < count
    const fresh = key !== before;
    before = key;
    if (++row === chunk) {
      row = 0;
      slot = 0;
    } else if (fresh) slot++;
    slots[i] = slot;
    const place = i - row + slot; // chunks are as long in sums as in rows
    if (fresh) {
      places[runs] = place;
      distinct[runs++] = key;
    } else if (row === 0) {
      if (parts === 0 || crossed[parts - 1] !== runs - 1) {
        crossing[parts] = places[runs - 1] as number; // its first
        crossed[parts++] = runs - 1;
      }
      crossing[parts] = place;
      crossed[parts++] = runs - 1;
    }
  }
  return {
    slots,
    places: places.subarray(0, runs),
    distinct: distinct.subarray(0, runs),
    crossing: crossing.subarray(0, parts),
    crossed: crossed.subarray(0, parts),
  };
}
