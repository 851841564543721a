// Rows added to those of a matrix by number, where several may have one number. By gathers and sums alone, which have no
// race and exist on every backend: rows are sorted by number, and neighbours of one number are added by pairs until one is
// left of each. So the order of sums is the host's, and equal calls give equal sums; tfjs's scatterND adds in any order.

import { rowPicks } from "./row-copies.js";
import { rowsOf, widthOf } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** into [V, d] with rows [n, d] added at ids, each below V; n >= 1. */
export function scatterRows(runtime: TfjsRuntime, into: TfjsArray, ids: Uint32Array, rows: TfjsArray): TfjsArray {
  const { tf } = runtime;
  const zero = tf.zeros([1, widthOf(into)]);
  const pick = (from: TfjsArray, places: readonly number[] | Int32Array): TfjsArray =>
    rowPicks(runtime, tf.concat([zero, from], 0), tf.tensor(Int32Array.from(places), [places.length], "int32"));
  const order = Array.from(ids, (_, t) => t).sort((a, b) => (ids[a] ?? 0) - (ids[b] ?? 0)); // equal ones stay in order
  let keys = order.map((t) => ids[t] ?? 0);
  let sums = pick(
    rows,
    order.map((t) => t + 1), // place 0 holds zeros
  );
  while (keys.some((key, i) => key === keys[i - 1])) {
    const { kept, left, right } = pairs(keys);
    sums = tf.add(pick(sums, left), pick(sums, right));
    keys = kept;
  }
  const places = new Int32Array(rowsOf(into));
  keys.forEach((key, i) => {
    places[key] = i + 1;
  });
  return tf.add(into, pick(sums, places));
}

/** Neighbours of one key, by twos: the key of each pair, and the places of both, from 1; 0 where there is no second. */
function pairs(keys: readonly number[]) {
  const kept: number[] = [];
  const left: number[] = [];
  const right: number[] = [];
  for (let i = 0; i < keys.length; i++) {
    const both = keys[i + 1] === keys[i];
    kept.push(keys[i] ?? 0);
    left.push(i + 1);
    right.push(both ? i + 2 : 0);
    if (both) i++;
  }
  return { kept, left, right };
}
