// The router of a mixture of experts: affinities s of its products, the experts that each token chooses, and their
// weights w. The choice has no gradient; the weights have. Experts are picked out of rows by products with one-hot rows,
// which every backend has forward and backward. Letters: E experts, k chosen, S the sum of the chosen affinities.

import type { MoeOptions } from "@engram-ts/core";
import type { TfjsArray } from "./tfjs-library.js";
import { oneHot, type TfjsRuntime } from "./tfjs-runtime.js";

/** Keeps the sum of weights from 0, as the published code has it. */
const SUM_EPSILON = 1e-20;

/** Below every vote. */
const NO_VOTE = -3e38;

/** What the router says about all tokens. */
export interface Routes {
  /** [N, E]. */
  readonly affinities: TfjsArray;
  /** [N, k], int32. */
  readonly experts: TfjsArray;
  /** [N, k, E]: 1 where a choice is the expert. */
  readonly chosen: TfjsArray;
  /** [N, k]. */
  readonly weights: TfjsArray;
  /** What the weights were divided by: [N, 1], or nothing where they are not normalised. */
  readonly sums: TfjsArray | undefined;
}

/** Chooses by affinity plus bias; weighs by affinity alone. */
export function route(
  runtime: TfjsRuntime,
  products: TfjsArray,
  bias: TfjsArray | undefined,
  options: MoeOptions,
): Routes {
  const { tf } = runtime;
  const affinities = affinitiesOf(runtime, products, options);
  const votes = bias === undefined ? affinities : tf.add(affinities, bias);
  return weigh(runtime, affinities, tf.topk(candidates(runtime, votes, options), options.topK).indices, options);
}

/** The routes of a choice that was made already: experts [N, k]. */
export function routeAgain(runtime: TfjsRuntime, products: TfjsArray, experts: TfjsArray, options: MoeOptions): Routes {
  return weigh(runtime, affinitiesOf(runtime, products, options), runtime.tf.cast(experts, "int32"), options);
}

function affinitiesOf({ tf }: TfjsRuntime, products: TfjsArray, { scoring }: MoeOptions): TfjsArray {
  return scoring === "sigmoid" ? tf.sigmoid(products) : tf.softmax(products);
}

function weigh(runtime: TfjsRuntime, affinities: TfjsArray, experts: TfjsArray, options: MoeOptions): Routes {
  const { tf } = runtime;
  const [tokens = 0, count = 0] = affinities.shape;
  const chosen = oneHot(runtime, experts, count);
  const own = tf.sum(tf.mul(chosen, tf.reshape(affinities, [tokens, 1, count])), 2); // [N, k]
  const sums = options.normalise ? tf.add(tf.sum(own, 1, true), SUM_EPSILON) : undefined;
  const weights = tf.mul(sums === undefined ? own : tf.div(own, sums), options.routeScale);
  return { affinities, experts, chosen, weights, sums };
}

/** The gradient of the products [N, E], given that of the weights [N, k]. */
export function routeBackward(
  { tf }: TfjsRuntime,
  { affinities, chosen, weights, sums }: Routes,
  dWeights: TfjsArray,
  { scoring, routeScale }: MoeOptions,
): TfjsArray {
  let dOwn = tf.mul(dWeights, routeScale); // [N, k]
  if (sums !== undefined) {
    // every weight loses where another affinity grows: (routeScale dw - sum of w dw) / S
    dOwn = tf.div(tf.sub(dOwn, tf.sum(tf.mul(weights, dWeights), 1, true)), sums);
  }
  const [tokens = 0, k = 0] = dWeights.shape;
  const dAffinities = tf.sum(tf.mul(chosen, tf.reshape(dOwn, [tokens, k, 1])), 1); // [N, E]
  if (scoring === "sigmoid") return tf.mul(dAffinities, tf.mul(affinities, tf.sub(1, affinities)));
  const mean = tf.sum(tf.mul(affinities, dAffinities), 1, true);
  return tf.mul(affinities, tf.sub(dAffinities, mean));
}

/** Votes [N, E], those outside of the groups whose two best votes sum highest lowered below all others. */
function candidates(runtime: TfjsRuntime, votes: TfjsArray, { groups, groupsKept }: MoeOptions): TfjsArray {
  const { tf } = runtime;
  if (groups === groupsKept) return votes;
  const [tokens = 0, experts = 0] = votes.shape;
  const size = experts / groups;
  const split = tf.reshape(votes, [tokens, groups, size]);
  const sums = tf.sum(tf.topk(split, Math.min(2, size)).values, 2); // [N, groups]
  const kept = tf.sum(oneHot(runtime, tf.topk(sums, groupsKept).indices, groups), 1); // [N, groups]
  const mask = tf.tile(tf.reshape(kept, [tokens, groups, 1]), [1, 1, size]);
  const lowered = tf.add(tf.mul(split, mask), tf.mul(tf.sub(1, mask), NO_VOTE));
  return tf.reshape(lowered, [tokens, experts]);
}
