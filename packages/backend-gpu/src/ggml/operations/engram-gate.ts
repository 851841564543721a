// engramGate: k = norm(key e + keyBias), q = norm(streams), s = <k, q> / sqrt(d) for each stream, g = sigmoid of the signed
// root of s, y = g (value e + valueBias). Dead tokens have g = 0. The two norms' weights come in as their product, which
// is all that a score sees of them. streams [n * d, N], memory [m, N]; hats are normed and not yet weighted: [d, n, N].

import type { EngramGateOptions } from "@engram-ts/core";
import {
  absolute,
  add,
  clamp,
  divide,
  multiply,
  scale,
  sigmoid,
  sign,
  squareRoot,
  step,
} from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { mulMat, rmsNorm, rmsNormBack, sumRows } from "../nodes/products.js";
import { hostLeaf, packedTranspose, reshape } from "../nodes/shape.js";
import { linearInputGradient, linearMap, sumTokens } from "./linear-parts.js";
import type { GgmlOperation, Operands } from "./operation.js";
import { spread, sumMiddle } from "./stream-parts.js";

/** Magnitude of a score below which its root stays as it is. */
const LEAST_SCORE = 1e-6;
/** Added where a score of 0 has a sign: no sum of float32 products is so near to 0 and not 0. */
const SIGN_OF_ZERO = 2e-38;

interface GateNodes {
  readonly rawKey: GgmlNode;
  readonly keyHat: GgmlNode;
  readonly queryHat: GgmlNode;
  /** Weights of the norms [n * d], and their product [d, n]. */
  readonly keyWeight: GgmlNode;
  readonly queryWeight: GgmlNode;
  readonly weight: GgmlNode;
  /** [1, n, N]: magnitude of the scores, its root, and the gates. */
  readonly magnitude: GgmlNode;
  readonly root: GgmlNode;
  readonly gates: GgmlNode;
  /** [d, N]. */
  readonly value: GgmlNode;
}

/** By the node of y, so that the gradient shares what is to be computed in the same run. */
const computed = new WeakMap<GgmlNode, GateNodes>();

export const engramGate: GgmlOperation<"engramGate"> = {
  forward(inputs, options) {
    const { streams } = inputs;
    const [width, tokens] = streams.node.sides;
    const nodes = compute(inputs, options);
    const y = reshape(spread(nodes.value, nodes.gates), width, tokens);
    computed.set(y.root, nodes);
    return {
      outputs: {
        y: { node: y, shape: streams.shape },
        gates: { node: reshape(nodes.gates, options.streams, tokens), shape: [tokens, options.streams] },
      },
    };
  },

  backward({ inputs, options, outputs }, { y }, wanted, engine) {
    if (y === undefined) return {};
    const { memory, key, value } = inputs;
    const [width, tokens] = inputs.streams.node.sides;
    const n = options.streams;
    const nodes = computed.get(outputs.y.node.root) ?? compute(inputs, options);
    const dy = reshape(y, width / n, n, tokens);
    const through = scoreGradients(dy, inputs, nodes, options);
    const dValue = reshape(sumMiddle(multiply(dy, nodes.gates), engine), width / n, tokens);
    const memoryLines = packedTranspose(memory.node);
    return {
      streams: through.dStreams,
      ...(wanted.has("memory") && {
        memory: add(linearInputGradient(through.dRawKey, key.node), linearInputGradient(dValue, value.node)),
      }),
      ...(wanted.has("key") && { key: mulMat(memoryLines, packedTranspose(through.dRawKey)) }),
      ...(wanted.has("value") && { value: mulMat(memoryLines, packedTranspose(dValue)) }),
      keyNorm: through.dKeyNorm,
      queryNorm: through.dQueryNorm,
      ...(inputs.keyBias !== undefined && { keyBias: sumTokens(through.dRawKey) }),
      ...(inputs.valueBias !== undefined && { valueBias: sumTokens(dValue) }),
    };
  },
};

function compute(inputs: Operands<"engramGate">, options: EngramGateOptions): GateNodes {
  const { streams, memory, key, value, keyNorm, queryNorm, keyBias, valueBias } = inputs;
  const { streams: n, epsilon, weightOffset, zeroScore, dead } = options;
  const [width, tokens] = streams.node.sides;
  const d = width / n;
  const rawKey = linearMap(memory.node, key.node, keyBias?.node);
  const keyHat = rmsNorm(reshape(rawKey, d, n, tokens), epsilon);
  const queryHat = rmsNorm(reshape(streams.node, d, n, tokens), epsilon);
  const shifted = (weight: GgmlNode) => (weightOffset === 0 ? weight : scale(weight, 1, weightOffset));
  const [keyWeight, queryWeight] = [shifted(keyNorm.node), shifted(queryNorm.node)];
  const weight = reshape(multiply(keyWeight, queryWeight), d, n);
  const products = sumRows(multiply(multiply(keyHat, weight), queryHat)); // [1, n, N]
  const scores = scale(products, 1 / Math.sqrt(d), zeroScore === "half" ? 0 : SIGN_OF_ZERO);
  const magnitude = absolute(scores);
  const root = squareRoot(clamp(magnitude, LEAST_SCORE, 3e38));
  const open = sigmoid(multiply(sign(scores), root));
  const gates = dead === undefined ? open : multiply(open, aliveLeaf(dead));
  const valueOfMemory = linearMap(memory.node, value.node, valueBias?.node);
  return { rawKey, keyHat, queryHat, keyWeight, queryWeight, weight, magnitude, root, gates, value: valueOfMemory };
}

function aliveLeaf(dead: Uint8Array): GgmlNode {
  return hostLeaf(
    "f32",
    [1, 1, dead.length],
    Float32Array.from(dead, (flag) => (flag === 0 ? 1 : 0)),
  );
}

/** Gradients of all that the scores are made of. */
function scoreGradients(
  dy: GgmlNode,
  { streams }: Operands<"engramGate">,
  { rawKey, keyHat, queryHat, keyWeight, queryWeight, weight, ...nodes }: GateNodes,
  { epsilon }: EngramGateOptions,
) {
  const { magnitude, root, gates, value } = nodes;
  const [d, n, tokens] = dy.sides;
  const dGates = reshape(mulMat(dy, reshape(value, d, 1, tokens)), 1, n, tokens);
  const slopes = divide(multiply(gates, scale(gates, -1, 1)), root); // of the gate, times twice the root's
  const moving = scale(step(scale(magnitude, 1, -LEAST_SCORE)), 0.5 / Math.sqrt(d));
  const dScores = multiply(multiply(dGates, slopes), moving);
  const keyPart = multiply(keyHat, dScores);
  const queryPart = multiply(queryHat, dScores);
  const dWeight = reshape(sumTokens(reshape(multiply(keyPart, queryHat), d * n, tokens)), d * n);
  return {
    dStreams: reshape(
      rmsNormBack(multiply(keyPart, weight), reshape(streams.node, d, n, tokens), epsilon),
      d * n,
      tokens,
    ),
    dRawKey: reshape(rmsNormBack(multiply(queryPart, weight), reshape(rawKey, d, n, tokens), epsilon), d * n, tokens),
    dKeyNorm: multiply(dWeight, queryWeight),
    dQueryNorm: multiply(dWeight, keyWeight),
  };
}
