// The two ends of a model: embedding of tokens, logits of some of them, and the cross entropy with what came next. Token
// numbers are leaves that the host gives.

import { softMax } from "../nodes/attention.js";
import { logarithm, multiply, subtract } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { argmax, getRows, setRows, sum } from "../nodes/products.js";
import { hostLeaf, reshape } from "../nodes/shape.js";
import { linearInputGradient, linearMap, linearWeightGradient, normed, normedBack } from "./linear-parts.js";
import type { EngineContext, GgmlOperation, Operand } from "./operation.js";
import { pickRows, returnRows } from "./row-picks.js";

export const embed: GgmlOperation<"embed"> = {
  forward({ table }, { ids, idsPerToken = 1 }) {
    const rows = getRows(table.node, hostLeaf("i32", [ids.length], new Int32Array(ids)));
    const [tokens, width] = [ids.length / idsPerToken, idsPerToken * table.node.sides[0]];
    return { outputs: { y: { node: reshape(rows, width, tokens), shape: [tokens, width] } } };
  },
  backward: () => ({}), // its gradient is that of y, row by row
};

export const logits: GgmlOperation<"logits"> = {
  forward({ x, norm, head }, { tokens, epsilon }) {
    const node = linearMap(normed(pickRows(x.node, tokens), norm.node, facts(epsilon)), head.node);
    return { outputs: { y: { node, shape: [tokens.length, head.node.sides[1]] } } };
  },
  backward({ inputs: { x, norm, head }, options: { tokens, epsilon } }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    const picked = pickRows(x.node, tokens);
    const dHead = wanted.has("head") && linearWeightGradient(dy, normed(picked, norm.node, facts(epsilon)));
    if (!wanted.has("x") && !wanted.has("norm")) return dHead ? { head: dHead } : {};
    const { dx, dWeight } = normedBack(linearInputGradient(dy, head.node), picked, norm.node, facts(epsilon));
    return { x: returnRows(dx, tokens, x.node.sides[1]), norm: dWeight, ...(dHead && { head: dHead }) };
  },
};

function facts(epsilon: number) {
  return { epsilon, groups: 1, weightOffset: 0 } as const;
}

/**
 * With m the place of the greatest logit z: loss = z_m - ln softmax(z)_m - z_target, whose logarithm never underflows,
 * since softmax(z)_m is at least 1 / V.
 */
export const crossEntropy: GgmlOperation<"crossEntropy"> = {
  forward({ logits: z }, { targets }) {
    const counted = countedTokens(targets);
    const greatest = reshape(argmax(z.node), 1, targets.length);
    const atMost = subtract(pickEach(z.node, greatest), logarithm(pickEach(softMax(z.node, undefined, 1), greatest)));
    const each = subtract(atMost, pickEach(z.node, targetLeaf(targets)));
    const mean = multiply(each, hostLeaf("f32", [1, 1, targets.length], counted));
    return { outputs: { loss: { node: reshape(sum(mean), 1), shape: [1] } } };
  },
  backward({ inputs: { logits: z }, options: { targets } }, { loss: dLoss }, _, engine) {
    if (dLoss === undefined) return {};
    return { logits: lossGradient(z, targets, dLoss, engine) };
  },
};

/** (softmax - one-hot) times 1 / count, or 0 for tokens that are not counted. */
function lossGradient({ node: z }: Operand, targets: Int32Array, dLoss: GgmlNode, engine: EngineContext): GgmlNode {
  const [vocabulary, tokens] = z.sides;
  const share = multiply(hostLeaf("f32", [1, tokens], countedTokens(targets)), dLoss);
  const each = multiply(softMax(z, undefined, 1), share);
  const flat = reshape(each, 1, vocabulary * tokens);
  const atTarget = subtract(reshape(pickEach(each, targetLeaf(targets)), 1, tokens), share);
  const places = BigInt64Array.from(targets, (target, t) => BigInt(t * vocabulary + Math.max(0, target)));
  const written = setRows(flat, atTarget, hostLeaf("i64", [tokens], places));
  engine.effect(written);
  return reshape(written, vocabulary, tokens);
}

/** One value of each row: a [n, N], places i32 [1, N] -> [1, 1, N]. */
function pickEach(a: GgmlNode, places: GgmlNode): GgmlNode {
  const [width, rows] = a.sides;
  return getRows(reshape(a, 1, width, rows), places);
}

function targetLeaf(targets: Int32Array): GgmlNode {
  return hostLeaf(
    "i32",
    [1, targets.length],
    targets.map((target) => Math.max(0, target)),
  );
}

/** 1 / count for tokens that are counted, else 0. */
function countedTokens(targets: Int32Array): Float32Array {
  const count = targets.reduce((sum, target) => sum + (target < 0 ? 0 : 1), 0);
  return Float32Array.from(targets, (target) => (target < 0 ? 0 : 1 / count));
}
