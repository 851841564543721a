// The small operations: sums, linear maps, norms, SwiGLU, and residual streams side by side.

import {
  concat,
  multiply,
  add as plus,
  repeat,
  repeatBack,
  scale,
  silu,
  siluBack,
  swiglu,
} from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { pack, reshape, slice } from "../nodes/shape.js";
import {
  linearInputGradient,
  linearMap,
  linearWeightGradient,
  type NormFacts,
  normed,
  normedBack,
  sumTokens,
} from "./linear-parts.js";
import type { GgmlOperation } from "./operation.js";

export const add: GgmlOperation<"add"> = {
  forward: ({ a, b }) => ({ outputs: { y: { node: plus(a.node, b.node), shape: a.shape } } }),
  backward: (_, { y }) => (y === undefined ? {} : { a: y, b: y }),
};

export const linear: GgmlOperation<"linear"> = {
  forward({ x, weight, bias }) {
    const node = linearMap(x.node, weight.node, bias?.node);
    return { outputs: { y: { node, shape: [node.sides[1], node.sides[0]] } } };
  },
  backward({ inputs: { x, weight, bias } }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    return {
      ...(wanted.has("x") && { x: linearInputGradient(dy, weight.node) }),
      ...(wanted.has("weight") && { weight: linearWeightGradient(dy, x.node) }),
      ...(bias !== undefined && wanted.has("bias") && { bias: sumTokens(dy) }),
    };
  },
};

export const rmsNorm: GgmlOperation<"rmsNorm"> = {
  forward: ({ x, weight }, options) => ({
    outputs: { y: { node: normed(x.node, weight.node, normFacts(options)), shape: x.shape } },
  }),
  backward({ inputs: { x, weight }, options }, { y: dy }) {
    if (dy === undefined) return {};
    const { dx, dWeight } = normedBack(dy, x.node, weight.node, normFacts(options));
    return { x: dx, weight: dWeight };
  },
};

function normFacts(options: { epsilon: number; groups?: number; weightOffset?: 0 | 1 }): NormFacts {
  return { epsilon: options.epsilon, groups: options.groups ?? 1, weightOffset: options.weightOffset ?? 0 };
}

export const feedForward: GgmlOperation<"feedForward"> = {
  forward({ x, gate, up, down }) {
    const inner = swiglu(linearMap(x.node, gate.node), linearMap(x.node, up.node));
    return { outputs: { y: { node: linearMap(inner, down.node), shape: x.shape } } };
  },
  backward({ inputs }, { y: dy }) {
    if (dy === undefined) return {};
    const [x, gate, up, down] = [inputs.x.node, inputs.gate.node, inputs.up.node, inputs.down.node];
    const { dGate, dUp, inner } = swigluBack(linearMap(x, gate), linearMap(x, up), linearInputGradient(dy, down));
    return {
      x: plus(linearInputGradient(dGate, gate), linearInputGradient(dUp, up)),
      gate: linearWeightGradient(dGate, x),
      up: linearWeightGradient(dUp, x),
      down: linearWeightGradient(dy, inner),
    };
  },
};

/** Gradients of SwiGLU's two inputs, and its result again. */
export function swigluBack(gate: GgmlNode, up: GgmlNode, dInner: GgmlNode) {
  const open = silu(gate);
  return { dGate: siluBack(multiply(dInner, up), gate), dUp: multiply(dInner, open), inner: multiply(open, up) };
}

export const expandStreams: GgmlOperation<"expandStreams"> = {
  forward({ x }, { streams }) {
    const [d, tokens] = x.node.sides;
    const node = repeat(reshape(x.node, d, 1, tokens), [d, streams, tokens, 1]);
    return { outputs: { y: { node: reshape(node, d * streams, tokens), shape: [tokens, d * streams] } } };
  },
  backward({ options: { streams } }, { y: dy }) {
    return dy === undefined ? {} : { x: sumStreams(dy, streams) };
  },
};

export const collapseStreams: GgmlOperation<"collapseStreams"> = {
  forward({ x }, { streams, take }) {
    const [width, tokens] = x.node.sides;
    const d = width / streams;
    const node = take === "mean" ? scale(sumStreams(x.node, streams), 1 / streams) : pack(slice(x.node, 0, 0, d));
    return { outputs: { y: { node, shape: [tokens, d] } } };
  },
  backward({ inputs: { x }, options: { streams, take } }, { y: dy }) {
    if (dy === undefined) return {};
    const [d, tokens] = dy.sides;
    if (take === "mean") {
      const each = repeat(reshape(scale(dy, 1 / streams), d, 1, tokens), [d, streams, tokens, 1]);
      return { x: reshape(each, d * streams, tokens) };
    }
    if (streams === 1) return { x: dy };
    return { x: concat(dy, scale(pack(slice(x.node, 0, d, d * (streams - 1))), 0), 0) };
  },
};

/** [n * d, N] -> [d, N]. */
function sumStreams(x: GgmlNode, streams: number): GgmlNode {
  const [width, tokens] = x.sides;
  const d = width / streams;
  return reshape(repeatBack(reshape(x, d, streams, tokens), [d, 1, tokens, 1]), d, tokens);
}
