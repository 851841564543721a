// The router of a mixture of experts: affinities of all experts, those chosen, their weights, and the way back. Products,
// affinities and weights are float32. The k experts of a token come best first; of equal ones any, where the reference
// takes the lower number. Letters: E experts, k chosen, N tokens.

import type { MoeOptions } from "@engram-ts/core";
import { softMax, softMaxBack } from "../nodes/attention.js";
import { add, clamp, divide, multiply, repeatBack, scale, sigmoid, subtract } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { argsort, getRows, mulMat, sumRows } from "../nodes/products.js";
import { pack, packedTranspose, reshape, slice } from "../nodes/shape.js";
import type { EngineContext } from "./operation.js";

/** What a router says. */
export interface RouteNodes {
  /** [E, N]. */
  readonly affinities: GgmlNode;
  /** Numbers of the experts, i32 [k, N], packed. */
  readonly ids: GgmlNode;
  /** Affinities of the chosen [k, N]. */
  readonly chosen: GgmlNode;
  /** What they are divided by [1, N], where weights are normalised. */
  readonly total?: GgmlNode;
  /** [k, N]. */
  readonly weights: GgmlNode;
}

/** Keeps the sum of weights from 0, as the published code has it. */
const SUM_EPSILON = 1e-20;
/** Far below any vote. */
const OUT_OF_REACH = 1e30;
/** Sorting what is not a number may write past a row: on the CPU votes are held to numbers. */
const GREATEST_VOTE = 3e38;

/** x [d, N], router [d, E], bias [E]. */
export function routeNodes(
  x: GgmlNode,
  router: GgmlNode,
  bias: GgmlNode | undefined,
  options: MoeOptions,
  engine: EngineContext,
): RouteNodes {
  const { topK, scoring, normalise, routeScale } = options;
  const products = mulMat(router, x);
  const [experts, tokens] = products.sides;
  const affinities = scoring === "sigmoid" ? sigmoid(products) : softMax(products, undefined, 1);
  const votes = bias === undefined ? affinities : add(affinities, bias);
  const sound = engine.hostSeesResults ? clamp(votes, -GREATEST_VOTE, GREATEST_VOTE) : votes;
  const candidates = options.groups === options.groupsKept ? sound : inBestGroups(sound, options, engine);
  const ids = pack(slice(argsort(candidates), 0, 0, topK));
  const chosen = reshape(getRows(reshape(affinities, 1, experts, tokens), ids), topK, tokens);
  if (!normalise || routeScale === 0) {
    return { affinities, ids, chosen, weights: routeScale === 1 ? chosen : scale(chosen, routeScale) };
  }
  const total = scale(sumRows(chosen), 1 / routeScale, SUM_EPSILON / routeScale);
  return { affinities, ids, chosen, total, weights: divide(chosen, total) };
}

/** Votes [E, N], those of all groups but the best lowered out of reach. A group is as good as its two best votes. */
function inBestGroups(votes: GgmlNode, { groups, groupsKept }: MoeOptions, engine: EngineContext): GgmlNode {
  const [experts, tokens] = votes.sides;
  const size = experts / groups;
  const members = reshape(votes, size, groups * tokens);
  let sums = members;
  if (size > 1) {
    const two = pack(slice(argsort(members), 0, 0, 2));
    sums = sumRows(reshape(getRows(reshape(votes, 1, size, groups * tokens), two), 2, groups * tokens));
  }
  const best = pack(slice(argsort(reshape(sums, groups, tokens)), 0, 0, groupsKept));
  const kept = repeatBack(marks(best, groups, engine), [groups, 1, tokens, 1]);
  const lowered = scale(kept, OUT_OF_REACH, -OUT_OF_REACH); // 0 for those kept
  return reshape(add(reshape(votes, size, groups, tokens), reshape(lowered, 1, groups, tokens)), experts, tokens);
}

/** Numbers i32 [k, N], all different in a column, as 0 and 1: [count, k, N]. */
function marks(numbers: GgmlNode, count: number, engine: EngineContext): GgmlNode {
  const [k, tokens] = numbers.sides;
  const rows = getRows(identity(count, engine), reshape(numbers, k * tokens));
  return reshape(rows, count, k, tokens);
}

const identities = new WeakMap<EngineContext, Map<number, GgmlNode>>();

function identity(count: number, engine: EngineContext): GgmlNode {
  const own = identities.get(engine) ?? new Map<number, GgmlNode>();
  identities.set(engine, own);
  const known = own.get(count);
  if (known !== undefined) return known;
  const values = new Float32Array(count * count);
  for (let i = 0; i < count; i++) values[i * (count + 1)] = 1;
  const made = reshape(engine.constant(values), count, count);
  own.set(count, made);
  return made;
}

/** Tokens of each expert [E]. */
export function loadOf({ ids, affinities }: RouteNodes, engine: EngineContext): GgmlNode {
  const experts = affinities.sides[0];
  const [k, tokens] = ids.sides;
  const each = reshape(marks(ids, experts, engine), experts, k * tokens);
  if (engine.hostSeesResults || k * tokens <= MANY_MARKS) return repeatBack(each, [experts, 1, 1, 1]);
  return reshape(sumRows(packedTranspose(each)), experts);
}

/** On a GPU a sum over so many rows is better taken along rows. */
const MANY_MARKS = 512;

/** Gradients of the weights [k, N] as those of the router's products [E, N]. */
export function routeBack(
  dWeights: GgmlNode,
  { affinities, ids, chosen, total, weights }: RouteNodes,
  { scoring, routeScale }: MoeOptions,
  engine: EngineContext,
): GgmlNode {
  const experts = affinities.sides[0];
  const [k, tokens] = ids.sides;
  let dChosen: GgmlNode;
  if (total === undefined) dChosen = scale(dWeights, routeScale);
  else if (k === 1)
    dChosen = scale(dWeights, 0); // the one weight is `routeScale` whatever its affinity
  else {
    const mean = scale(sumRows(multiply(weights, dWeights)), 1 / routeScale);
    dChosen = divide(subtract(dWeights, mean), total);
  }
  if (scoring === "sigmoid") dChosen = multiply(dChosen, multiply(chosen, scale(chosen, -1, 1)));
  const each = multiply(marks(ids, experts, engine), reshape(dChosen, 1, k, tokens));
  const spread = reshape(repeatBack(each, [experts, 1, tokens, 1]), experts, tokens);
  return scoring === "sigmoid" ? spread : softMaxBack(spread, affinities, 1);
}
