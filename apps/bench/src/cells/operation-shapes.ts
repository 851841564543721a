// Every operation of a backend at the sizes of a small model: what goes in by shape, and the options. One size of model, any
// number of tokens.

import {
  type GqaOptions,
  type HyperOptions,
  type MlaOptions,
  type MoeOptions,
  type OperationName,
  rotaryOf,
  type Sequences,
} from "@engram-ts/core";

/** One operation's call. */
export interface OperationShapes {
  /** Shapes of inputs by name, in the order in which their values are drawn. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly options: object;
}

const WIDTH = 256;
const STREAMS = 4;
const HIDDEN = 512;
const VOCABULARY = 2_048;
const MEMORY = 512;
const EXPERTS = 16;
const EXPERT_WIDTH = 128;
const epsilon = 1e-6;

/** All operations on so many tokens. */
export function operationShapes(tokens: number): Readonly<Record<OperationName, OperationShapes>> {
  const [N, d, wide] = [tokens, WIDTH, STREAMS * WIDTH];
  const sequences: Sequences = { cumulativeLengths: Uint32Array.of(0, N), starts: new Uint32Array(1) };
  const rotary = rotaryOf({ theta: 10_000, pairing: "halves" }, 32);
  const gqa: GqaOptions<never> = {
    heads: 8,
    keyValueHeads: 2,
    headWidth: 32,
    rotary,
    scale: 32 ** -0.5,
    epsilon,
    sequences,
  };
  const mla: MlaOptions<never> = {
    heads: 8,
    contentWidth: 32,
    rotaryWidth: 32,
    valueWidth: 32,
    rotary,
    scale: 64 ** -0.5,
    epsilon,
    sequences,
  };
  const moe: MoeOptions = { topK: 4, scoring: "sigmoid", routeScale: 1, normalise: true, groups: 1, groupsKept: 1 };
  const hyper: HyperOptions = { streams: STREAMS, normEpsilon: epsilon, iterations: 20, epsilon, start: "sums" };
  const ids = Uint32Array.from({ length: N }, (_, i) => (i * 7_919) % VOCABULARY);
  return {
    embed: { inputs: { table: [VOCABULARY, d] }, options: { ids } },
    add: { inputs: { a: [N, d], b: [N, d] }, options: {} },
    linear: { inputs: { x: [N, d], weight: [HIDDEN, d] }, options: {} },
    rmsNorm: { inputs: { x: [N, d], weight: [d] }, options: { epsilon } },
    feedForward: { inputs: { x: [N, d], gate: [HIDDEN, d], up: [HIDDEN, d], down: [d, HIDDEN] }, options: {} },
    gqa: { inputs: { x: [N, d], query: [256, d], key: [64, d], value: [64, d], output: [d, 256] }, options: gqa },
    mla: {
      inputs: {
        x: [N, d],
        queryUp: [8 * 64, d],
        keyValueDown: [64 + 32, d],
        keyValueNorm: [64],
        keyValueUp: [8 * 64, 64],
        output: [d, 8 * 32],
      },
      options: mla,
    },
    moe: {
      inputs: {
        x: [N, d],
        router: [EXPERTS, d],
        gate: [EXPERTS, EXPERT_WIDTH, d],
        up: [EXPERTS, EXPERT_WIDTH, d],
        down: [EXPERTS, d, EXPERT_WIDTH],
      },
      options: moe,
    },
    engramGate: {
      inputs: {
        streams: [N, wide],
        memory: [N, MEMORY],
        value: [d, MEMORY],
        key: [wide, MEMORY],
        keyNorm: [wide],
        queryNorm: [wide],
      },
      options: { streams: STREAMS, epsilon, weightOffset: 0, zeroScore: "half" },
    },
    shortConvolution: {
      inputs: { x: [N, wide], norm: [wide], weight: [wide, 4] },
      options: { streams: STREAMS, epsilon, weightOffset: 0, dilation: 3, sequences },
    },
    expandStreams: { inputs: { x: [N, d] }, options: { streams: STREAMS } },
    collapseStreams: { inputs: { x: [N, wide] }, options: { streams: STREAMS, take: "mean" } },
    hyperCoefficients: {
      inputs: { streams: [N, wide], projection: [24, wide], bias: [24], scale: [3] },
      options: hyper,
    },
    hyperCollapse: { inputs: { streams: [N, wide], pre: [N, STREAMS] }, options: { streams: STREAMS } },
    hyperMerge: {
      inputs: { streams: [N, wide], x: [N, d], post: [N, STREAMS], mix: [N, STREAMS * STREAMS] },
      options: { streams: STREAMS },
    },
    logits: {
      inputs: { x: [N, d], norm: [d], head: [VOCABULARY, d] },
      options: { tokens: Uint32Array.from({ length: N }, (_, i) => i), epsilon },
    },
    crossEntropy: { inputs: { logits: [N, VOCABULARY] }, options: { targets: Int32Array.from(ids) } },
  };
}
