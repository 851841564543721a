// hyperCoefficients: z = projection x / rms(x); l = scale z + bias; pre = sigmoid(l_pre) (+ epsilon where Sinkhorn starts
// with a softmax), post = 2 sigmoid(l_post), mix = sinkhorn(l_mix). streams [n * d, N], o = (2 + n) n values a token: pre
// [n, N], post [n, N], mix [n * n, N].

import type { HyperOptions } from "@engram-ts/core";
import { add, concat, multiply, scale, sigmoid } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { getRows, mulMat, rmsNorm, rmsNormBack } from "../nodes/products.js";
import { hostLeaf, pack, reshape, slice } from "../nodes/shape.js";
import { linearInputGradient, linearWeightGradient, sumTokens } from "./linear-parts.js";
import type { EngineContext, GgmlOperation, Operands } from "./operation.js";
import { type SinkhornNodes, sinkhorn, sinkhornBack } from "./sinkhorn.js";

interface CoefficientNodes {
  readonly normed: GgmlNode;
  /** [o, N]. */
  readonly products: GgmlNode;
  /** [o]. */
  readonly scales: GgmlNode;
  /** Sigmoids of pre and post [2 n, N]. */
  readonly gates: GgmlNode;
  readonly mix: SinkhornNodes;
}

/** By the node of `mix`, so that the gradient shares what is to be computed in the same run. */
const computed = new WeakMap<GgmlNode, CoefficientNodes>();

export const hyperCoefficients: GgmlOperation<"hyperCoefficients"> = {
  forward(inputs, options) {
    const { streams: n, start, epsilon } = options;
    const nodes = compute(inputs, options);
    const tokens = nodes.products.sides[1];
    const pre = pack(slice(nodes.gates, 0, 0, n));
    const mix = reshape(nodes.mix.result, n * n, tokens);
    computed.set(mix.root, nodes);
    return {
      outputs: {
        pre: { node: start === "softmax" ? scale(pre, 1, epsilon) : pre, shape: [tokens, n] },
        post: { node: scale(pack(slice(nodes.gates, 0, n, n)), 2), shape: [tokens, n] },
        mix: { node: mix, shape: [tokens, n * n] },
      },
    };
  },

  backward({ inputs, options, outputs }, gradients, wanted, engine) {
    const { streams, projection } = inputs;
    const { streams: n, normEpsilon } = options;
    if (Object.keys(gradients).length === 0) return {};
    const nodes = computed.get(outputs.mix.node.root) ?? compute(inputs, options);
    const dLogits = logitsGradient(nodes, gradients, n);
    const dProducts = multiply(dLogits, nodes.scales);
    return {
      ...(wanted.has("streams") && {
        streams: rmsNormBack(linearInputGradient(dProducts, projection.node), streams.node, normEpsilon),
      }),
      ...(wanted.has("projection") && { projection: linearWeightGradient(dProducts, nodes.normed) }),
      ...(wanted.has("bias") && { bias: sumTokens(dLogits) }),
      ...(wanted.has("scale") && { scale: sumParts(sumTokens(multiply(dLogits, nodes.products)), n, engine) }),
    };
  },
};

function compute({ streams, projection, bias, scale: three }: Operands<"hyperCoefficients">, options: HyperOptions) {
  const { streams: n, normEpsilon } = options;
  const tokens = streams.node.sides[1];
  const normed = rmsNorm(streams.node, normEpsilon);
  const products = mulMat(projection.node, normed);
  const outputs = products.sides[0];
  const parts = Int32Array.from({ length: outputs }, (_, output) => Math.min(2, Math.floor(output / n)));
  const scales = reshape(getRows(reshape(three.node, 1, 3), hostLeaf("i32", [outputs], parts)), outputs);
  const logits = add(multiply(products, scales), bias.node);
  const gates = sigmoid(pack(slice(logits, 0, 0, 2 * n)));
  const mix = sinkhorn(reshape(pack(slice(logits, 0, 2 * n, n * n)), n, n, tokens), options);
  return { normed, products, scales, gates, mix };
}

/** [o, N]; what has no gradient counts as 0. */
function logitsGradient(
  { gates, mix }: CoefficientNodes,
  gradients: { readonly pre?: GgmlNode; readonly post?: GgmlNode; readonly mix?: GgmlNode },
  n: number,
): GgmlNode {
  const tokens = gates.sides[1];
  const none = (width: number) => scale(pack(slice(gates, 0, 0, width)), 0);
  const dGates = concat(gradients.pre ?? none(n), gradients.post === undefined ? none(n) : scale(gradients.post, 2), 0);
  const slopes = multiply(gates, scale(gates, -1, 1));
  const dMix =
    gradients.mix === undefined ? scale(mix.result, 0) : sinkhornBack(reshape(gradients.mix, n, n, tokens), mix);
  return concat(multiply(dGates, slopes), reshape(dMix, n * n, tokens), 0);
}

/** [o] summed over the outputs that have one scale: [3]. */
function sumParts(values: GgmlNode, n: number, engine: EngineContext): GgmlNode {
  const outputs = values.sides[0];
  const members = Float32Array.from({ length: 3 * outputs }, (_, i) => {
    const part = Math.min(2, Math.floor((i % outputs) / n));
    return part === Math.floor(i / outputs) ? 1 : 0;
  });
  return mulMat(reshape(engine.constant(members), outputs, 3), values);
}
