// Rows added to those of a matrix by number, where several may have one number: what no operation of ggml does on all
// devices. The host knows the numbers, so it sorts them; neighbours with one number are summed by products with matrices of
// zeros and ones, in chunks, and what crosses a chunk's end again; then each number is read, added to and written once. The
// order of all sums is the host's, so that equal calls give equal sums. Shapes depend on the number of rows alone, never on
// what repeats, so that a step's graph is found again. Letters: n rows, d their width, z chunks.

import { add, concat } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { getRows, mulMat, setRows } from "../nodes/products.js";
import { hostLeaf, packedTranspose, reshape } from "../nodes/shape.js";

/** Rows of a chunk; up to `WHOLE` rows are summed in one. More makes fewer operations and larger matrices. */
const CHUNK = 32;
const WHOLE = 256;

/** `into[:, ids[t]] += rows[:, t]`: into [d, V], rows [d, n], n >= 1; a node that shows `into` with the sums. */
export function scatterRows(into: GgmlNode, ids: Uint32Array, rows: GgmlNode): GgmlNode {
  const order = sortedPlaces(ids);
  const { node, places } = sumNeighbours(
    rows,
    order,
    order.map((t) => ids[t] ?? 0),
  );
  const distinct = [...new Set(order.map((t) => ids[t] ?? 0))]; // ascending, as their sums
  const [first = 0] = distinct;
  // the rest are the first again, with its sum: the same values are written once more
  const numbers = Int32Array.from(ids, (_, i) => distinct[i] ?? first);
  const sums = getRows(
    node,
    hostLeaf(
      "i32",
      [ids.length],
      Int32Array.from(ids, (_, i) => places[i] ?? places[0] ?? 0),
    ),
  );
  const before = getRows(into, hostLeaf("i32", [ids.length], numbers));
  return setRows(into, add(before, sums), hostLeaf("i64", [ids.length], BigInt64Array.from(numbers, BigInt)));
}

/** Places of ids in ascending order of ids, equal ones in their own order. */
function sortedPlaces(ids: Uint32Array): Int32Array {
  const keys = Float64Array.from(ids, (id, t) => id * ids.length + t).sort(); // exact: both are below 2^26
  return Int32Array.from(keys, (key) => key % ids.length);
}

/**
 * Sums of neighbours with one key: rows [d, any], those taken and their ascending keys [n] -> sums [d, m], and the place of
 * each distinct key's among them. `capacity` is n at most: shapes are made for it.
 */
function sumNeighbours(
  rows: GgmlNode,
  taken: Int32Array,
  keys: ArrayLike<number>,
  capacity = taken.length,
): { readonly node: GgmlNode; readonly places: readonly number[] } {
  const chunk = capacity <= WHOLE ? capacity : CHUNK;
  const chunks = Math.ceil(capacity / chunk);
  const padded = new Int32Array(chunks * chunk); // past the end the first row, that no sum takes
  padded.set(taken);
  const { summed, runs } = chunkSums(keys, taken.length, chunk, chunks);
  const d = rows.sides[0];
  const picked = reshape(getRows(rows, hostLeaf("i32", [padded.length], padded)), d, chunk, chunks);
  const sums = mulMat(packedTranspose(picked), hostLeaf("f32", [chunk, chunk, chunks], summed)); // [d, chunk, z]
  const node = reshape(sums, d, chunk * chunks);
  if (chunks === 1) return { node, places: runs.map(([place = 0]) => place) };
  // a chunk's first and last sum may belong to a key of its neighbours, too
  const crossing = runs.flatMap((parts, run) => (parts.length > 1 ? parts.map((place) => ({ place, run })) : []));
  const more = sumNeighbours(
    node,
    Int32Array.from(crossing, ({ place }) => place),
    crossing.map(({ run }) => run),
    2 * chunks,
  );
  let next = 0;
  const places = runs.map((parts) =>
    parts.length > 1 ? chunk * chunks + (more.places[next++] ?? 0) : (parts[0] ?? 0),
  );
  return { node: concat(node, more.node, 1), places };
}

/** The matrices of zeros and ones, [z][slot][row], and for each distinct key the places of its parts' sums. */
function chunkSums(keys: ArrayLike<number>, count: number, chunk: number, chunks: number) {
  const summed = new Float32Array(chunks * chunk * chunk);
  const runs: number[][] = [];
  let slot = 0;
  for (let i = 0; i < count; i++) {
    const row = i % chunk;
    const fresh = i === 0 || keys[i] !== keys[i - 1];
    if (row === 0) slot = 0;
    else if (fresh) slot++;
    const place = i - row + slot; // chunks are as long in sums as in rows
    if (fresh) runs.push([place]);
    else if (row === 0) runs.at(-1)?.push(place);
    summed[place * chunk + row] = 1;
  }
  return { summed, runs };
}
