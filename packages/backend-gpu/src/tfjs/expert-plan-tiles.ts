// A plan of experts that reads nothing back. Slots are tiles of B rows, each of one expert; an expert's tokens fill its
// tiles from the first on, and the rest of its last is empty. There are as many tiles as any routes could need, so shapes
// are known beforehand and no token is ever dropped: an expert with c tokens takes at most (c + B - 1) / B tiles, all
// together at most (R + min(E, R) (B - 1)) / B. With B near R / E these are at most twice the routes; with R below E, as
// in decoding, B is 1 and none is empty.
// Whole numbers are computed in float32, exact to 2^24 slots.

import { refused } from "../operation-checks/checked-inputs.js";
import type { ExpertPlan } from "./expert-plan.js";
import { product } from "./matrix-product.js";
import { rowPicks, rowRange } from "./row-copies.js";
import { elements } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";
import { floats, oneHot, type TfjsRuntime } from "./tfjs-runtime.js";

const MOST_SLOTS = 2 ** 24;

/** The plan of routes `experts` [N, k], int32, over `count` experts. */
export function planInTiles(runtime: TfjsRuntime, experts: TfjsArray, count: number): ExpertPlan {
  const { tf } = runtime;
  const [, k = 1] = experts.shape;
  const routes = elements(experts.shape);
  const rows = Math.max(1, Math.ceil(routes / count)); // B
  const tiles = Math.floor((routes + Math.min(count, routes) * (rows - 1)) / rows);
  if (tiles * rows > MOST_SLOTS) {
    throw refused("moe", `${routes} routes take ${tiles * rows} slots, above ${MOST_SLOTS}; give fewer tokens at once`);
  }
  const { slotOfRoute, expertOfTile } = layTiles(runtime, tf.reshape(experts, [routes]), count, rows, tiles);
  // entry + 1 of what lies in each slot, 0 in empty ones
  const fill = (entry: (route: number) => number): TfjsArray =>
    tf.scatterND(
      tf.reshape(slotOfRoute, [routes, 1]),
      tf.tensor(
        Int32Array.from({ length: routes }, (_, r) => entry(r) + 1),
        [routes],
        "int32",
      ),
      [tiles * rows],
    );
  const pick = (x: TfjsArray, indices: TfjsArray) =>
    rowPicks(runtime, tf.concat([tf.zeros([1, x.shape[1] ?? 0]), x], 0), indices);

  /** Products of tiles with their experts' matrices, some tiles at a time: their matrices side by side take memory. */
  const each = (
    x: TfjsArray,
    weights: TfjsArray,
    outputs: number,
    compute: (tile: TfjsArray, matrices: TfjsArray) => TfjsArray,
  ): TfjsArray => {
    const width = x.shape[1] ?? 0;
    const parts = chunks(runtime, tiles, elements(weights.shape.slice(1))).map(({ from, size }) =>
      tf.tidy(() => {
        const matrices = rowPicks(runtime, weights, tf.slice(expertOfTile, [from], [size]));
        const part = tf.reshape(rowRange(runtime, x, from * rows, size * rows), [size, rows, width]);
        return tf.reshape(compute(part, matrices), [size * rows, outputs]);
      }),
    );
    const [only] = parts;
    return only !== undefined && parts.length === 1 ? only : tf.concat(parts, 0);
  };
  return {
    toSlots: (tokens) =>
      pick(
        tokens,
        fill((r) => Math.floor(r / k)),
      ),
    routesToSlots: (values) =>
      pick(
        tf.reshape(values, [routes, 1]),
        fill((r) => r),
      ),
    toRoutes: (slots) => rowPicks(runtime, slots, slotOfRoute),
    linear: (x, weights) => each(x, weights, weights.shape[1] ?? 0, (t, w) => product(runtime, t, w, { b: true })),
    linearInputGradient: (weights, dy) => each(dy, weights, weights.shape[2] ?? 0, (t, w) => product(runtime, t, w)),
    linearWeightGradient(x, dy) {
      const [, i = 0] = x.shape;
      const [, o = 0] = dy.shape;
      let sum: TfjsArray | undefined;
      for (const { from, size } of chunks(runtime, tiles, o * i)) {
        const part = tf.tidy(() => {
          const own = (y: TfjsArray, width: number) =>
            tf.reshape(rowRange(runtime, y, from * rows, size * rows), [size, rows, width]);
          const gradients = tf.reshape(product(runtime, own(dy, o), own(x, i), { a: true }), [size, o * i]);
          const mine = oneHot(runtime, tf.slice(expertOfTile, [from], [size]), count); // [size, E]
          return product(runtime, mine, gradients, { a: true });
        });
        const before = sum;
        sum = before === undefined ? part : tf.add(before, part);
        if (before !== undefined) {
          before.dispose();
          part.dispose();
        }
      }
      return sum === undefined ? tf.zeros([count, o, i]) : tf.reshape(sum, [count, o, i]);
    },
  };
}

/** Where each route [R] lies, and whose each tile is; int32. Tiles without an expert are the last one's, and empty. */
function layTiles(runtime: TfjsRuntime, routes: TfjsArray, count: number, rows: number, tiles: number) {
  const { tf } = runtime;
  const own = oneHot(runtime, routes, count); // [R, E]
  const rank = tf.sum(tf.mul(own, tf.cumsum(own, 0, true)), 1); // [R]: routes of the same expert before this one
  const loads = tf.sum(own, 0); // [E]
  // ceil(load / B): half a row away from where a rounded quotient could fall to the other side
  const taken = tf.floor(tf.div(tf.add(loads, rows - 0.5), rows));
  const first = tf.cumsum(taken, 0, true); // [E]: tiles before this expert's
  const slot = tf.add(tf.mul(tf.sum(tf.mul(own, tf.reshape(first, [1, count])), 1), rows), rank);
  const ends = tf.reshape(tf.add(first, taken), [1, count]);
  const past = tf.lessEqual(ends, tf.reshape(tf.range(0, tiles), [tiles, 1])); // [tiles, E]: experts whose tiles lie before
  const owner = tf.minimum(tf.sum(floats(runtime, past), 1), count - 1);
  return { slotOfRoute: tf.cast(slot, "int32"), expertOfTile: tf.cast(owner, "int32") };
}

function chunks({ workBytes }: TfjsRuntime, tiles: number, matrix: number): { from: number; size: number }[] {
  const most = Math.max(1, Math.floor(workBytes / (4 * matrix)));
  const parts: { from: number; size: number }[] = [];
  for (let from = 0; from < tiles; from += most) parts.push({ from, size: Math.min(most, tiles - from) });
  return parts;
}
