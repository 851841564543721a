// A plan of experts made on the host: routes are read back and sorted by expert, and each expert that has tokens
// multiplies them by its matrix. No padding; experts without tokens cost nothing. Only where reading back waits for no
// queue.

import type { ExpertPlan } from "./expert-plan.js";
import { matrixOf, product } from "./matrix-product.js";
import { rowPicks, rowRange } from "./row-copies.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** The slots of one expert. */
interface OwnSlots {
  readonly expert: number;
  readonly from: number;
  readonly count: number;
}

/** The plan of routes `experts` [N, k], int32, over `count` experts. */
export function planOnHost(runtime: TfjsRuntime, experts: TfjsArray, count: number): ExpertPlan {
  const { tf } = runtime;
  const [, k = 1] = experts.shape;
  const routes = experts.dataSync();
  const { slotOfRoute, routeOfSlot, own } = sortRoutes(routes, count);
  const tokenOfSlot = routeOfSlot.map((r) => Math.floor(r / k));
  const indices = (values: Int32Array) => tf.tensor(values, [values.length], "int32");

  const each = (rows: TfjsArray, width: number, compute: (rows: TfjsArray, expert: number) => TfjsArray): TfjsArray => {
    const parts = own.map(({ expert, from, count }) =>
      tf.tidy(() => compute(rowRange(runtime, rows, from, count), expert)),
    );
    return parts.length === 0 ? tf.zeros([0, width]) : tf.concat(parts, 0);
  };
  return {
    toSlots: (tokens) => rowPicks(runtime, tokens, indices(tokenOfSlot)),
    routesToSlots: (values) => rowPicks(runtime, tf.reshape(values, [routes.length, 1]), indices(routeOfSlot)),
    toRoutes: (slots) => rowPicks(runtime, slots, indices(slotOfRoute)),
    linear: (rows, weights) =>
      each(rows, weights.shape[1] ?? 0, (x, e) => product(runtime, x, matrixOf(runtime, weights, e), { b: true })),
    linearInputGradient: (weights, dRows) =>
      each(dRows, weights.shape[2] ?? 0, (dy, e) => product(runtime, dy, matrixOf(runtime, weights, e))),
    linearWeightGradient(rows, dRows) {
      const [, i = 0] = rows.shape;
      const [, o = 0] = dRows.shape;
      const parts: TfjsArray[] = [];
      let next = 0; // experts below it have their part
      for (const { expert, from, count: tokens } of own) {
        if (expert > next) parts.push(tf.zeros([expert - next, o, i]));
        parts.push(
          tf.tidy(() => {
            const x = rowRange(runtime, rows, from, tokens);
            const dy = rowRange(runtime, dRows, from, tokens);
            return tf.reshape(product(runtime, dy, x, { a: true }), [1, o, i]);
          }),
        );
        next = expert + 1;
      }
      if (next < count) parts.push(tf.zeros([count - next, o, i]));
      const [only] = parts;
      return only !== undefined && parts.length === 1 ? only : tf.concat(parts, 0);
    },
  };
}

/** Routes by expert, in their own order within one: a counting sort. */
function sortRoutes(routes: ArrayLike<number>, count: number) {
  const loads = new Int32Array(count);
  for (let r = 0; r < routes.length; r++) loads[routes[r] ?? 0] = (loads[routes[r] ?? 0] ?? 0) + 1;
  const own: OwnSlots[] = [];
  const next = new Int32Array(count);
  let from = 0;
  loads.forEach((load, expert) => {
    next[expert] = from;
    if (load > 0) own.push({ expert, from, count: load });
    from += load;
  });
  const slotOfRoute = new Int32Array(routes.length);
  const routeOfSlot = new Int32Array(routes.length);
  for (let r = 0; r < routes.length; r++) {
    const expert = routes[r] ?? 0;
    const slot = next[expert] ?? 0;
    next[expert] = slot + 1;
    slotOfRoute[r] = slot;
    routeOfSlot[slot] = r;
  }
  return { slotOfRoute, routeOfSlot, own };
}
