// The router of a mixture of experts, one token at a time: affinities s of its products z, the experts that it chooses,
// and their weights. The choice has no gradient; the weights have. Letters: E experts, k chosen, s affinities [E],
// w weights [k], S their sum.

import type { MoeOptions } from "../model/backend-operations.js";
import { softmax } from "./attend.js";
import { sigmoid } from "./gate.js";

/** Keeps the sum of weights from 0, as the published code has it. */
const SUM_EPSILON = 1e-20;

/** What the router says about one token. */
export interface Route {
  /** [E]. */
  readonly affinities: Float64Array;
  /** [k], the best first, the lower number first where two are equal. */
  readonly experts: readonly number[];
  /** [k]. */
  readonly weights: Float64Array;
}

/** Chooses by affinity plus bias; weighs by affinity alone. */
export function route(products: Float64Array, bias: Float64Array | undefined, options: MoeOptions): Route {
  const affinities = options.scoring === "sigmoid" ? products.map(sigmoid) : softmax(products.slice());
  const votes = affinities.map((s, e) => s + (bias?.[e] ?? 0));
  const experts = best(votes, candidates(votes, options), options.topK);
  const chosen = Float64Array.from(experts, (e) => affinities[e] ?? 0);
  const sum = options.normalise ? chosen.reduce((total, s) => total + s, SUM_EPSILON) : 1;
  return { affinities, experts, weights: chosen.map((s) => (s / sum) * options.routeScale) };
}

/** The gradient of the products [E], given that of the weights [k]. */
export function routeBackward({ affinities, experts, weights }: Route, dWeights: Float64Array, options: MoeOptions) {
  const dAffinities = new Float64Array(affinities.length);
  const sum = options.normalise ? experts.reduce((total, e) => total + (affinities[e] ?? 0), SUM_EPSILON) : 1;
  let mean = 0; // sum of w dw / routeScale: what every weight loses where another affinity grows
  if (options.normalise && options.routeScale !== 0) {
    for (let i = 0; i < weights.length; i++) mean += (weights[i] ?? 0) * (dWeights[i] ?? 0);
    mean /= options.routeScale;
  }
  experts.forEach((e, i) => {
    dAffinities[e] = (((dWeights[i] ?? 0) - mean) * options.routeScale) / sum;
  });
  if (options.scoring === "sigmoid") return dAffinities.map((g, e) => g * slope(affinities[e] ?? 0));
  let dot = 0;
  for (let e = 0; e < affinities.length; e++) dot += (affinities[e] ?? 0) * (dAffinities[e] ?? 0);
  return dAffinities.map((g, e) => (affinities[e] ?? 0) * (g - dot));
}

function slope(s: number): number {
  return s * (1 - s);
}

/** The experts of the groups whose two best votes sum highest. */
function candidates(votes: Float64Array, { groups, groupsKept }: MoeOptions): number[] {
  const size = votes.length / groups;
  const members = (group: number) => Array.from({ length: size }, (_, i) => group * size + i);
  if (groups === groupsKept) return votes.length === 0 ? [] : [...votes.keys()];
  const sums = Float64Array.from({ length: groups }, (_, group) =>
    best(votes, members(group), 2).reduce((sum, e) => sum + (votes[e] ?? 0), 0),
  );
  return best(sums, [...sums.keys()], groupsKept)
    .sort((a, b) => a - b)
    .flatMap(members);
}

/** The `count` of the candidates with the highest values; the first of equal ones. */
function best(values: Float64Array, among: readonly number[], count: number): number[] {
  return [...among].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b).slice(0, count);
}
