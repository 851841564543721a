// Every operation of a backend with the options that change its formula, on small random inputs: for the reference's
// gradients here, and for the comparison of an engine with the reference.

import type {
  GqaOptions,
  HyperOptions,
  MlaOptions,
  MoeOptions,
  OperationName,
  Sequences,
} from "../../src/model/backend-operations.js";
import { rotaryOf } from "../../src/model/rotary.js";

/** One call of one operation. Its inputs are made from shapes. */
export interface OperationCase {
  readonly name: OperationName;
  /** What is special about it. */
  readonly about: string;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly options: object;
}

const sequences: Sequences = { cumulativeLengths: Uint32Array.of(0, 4, 4, 5), starts: new Uint32Array(3) };
const N = 5;
const plain = rotaryOf({ theta: 100, pairing: "halves" }, 4);
const yarn = { factor: 4, originalContextTokens: 8, betaFast: 32, betaSlow: 1, mscale: 1, mscaleAllDim: 0 };
const stretched = rotaryOf({ theta: 100, pairing: "interleaved", yarn }, 4);

const gqa: GqaOptions<never> = {
  heads: 4,
  keyValueHeads: 2,
  headWidth: 6,
  rotary: plain,
  scale: 0.4,
  epsilon: 1e-6,
  sequences,
};
const gqaInputs = { x: [N, 7], query: [24, 7], key: [12, 7], value: [12, 7], output: [7, 24] };
const mla: MlaOptions<never> = {
  heads: 2,
  contentWidth: 3,
  rotaryWidth: 4,
  valueWidth: 5,
  rotary: stretched,
  scale: 0.3,
  epsilon: 1e-6,
  sequences,
};
const mlaInputs = { x: [N, 7], keyValueDown: [10, 7], keyValueNorm: [6], keyValueUp: [16, 6], output: [7, 10] };
const moe: MoeOptions = { topK: 3, scoring: "sigmoid", routeScale: 2.5, normalise: true, groups: 1, groupsKept: 1 };
const moeInputs = { x: [N, 4], router: [8, 4], gate: [8, 3, 4], up: [8, 3, 4], down: [8, 4, 3] };
const shared = { sharedGate: [5, 4], sharedUp: [5, 4], sharedDown: [4, 5] };
const gate = { streams: 2, epsilon: 1e-6, weightOffset: 0, zeroScore: "half" };
const gateInputs = { streams: [N, 6], memory: [N, 5], value: [3, 5], key: [6, 5], keyNorm: [6], queryNorm: [6] };
const hyper: HyperOptions = { streams: 3, normEpsilon: 1e-6, iterations: 4, epsilon: 1e-3, start: "sums" };
const hyperInputs = { streams: [N, 6], projection: [15, 6], bias: [15], scale: [3] };

/** The cases. */
export const OPERATION_CASES: readonly OperationCase[] = [
  { name: "add", about: "", inputs: { a: [N, 3], b: [N, 3] }, options: {} },
  { name: "linear", about: "with a bias", inputs: { x: [N, 3], weight: [4, 3], bias: [4] }, options: {} },
  { name: "linear", about: "without a bias", inputs: { x: [N, 3], weight: [4, 3] }, options: {} },
  { name: "rmsNorm", about: "", inputs: { x: [N, 6], weight: [6] }, options: { epsilon: 0.1 } },
  {
    name: "rmsNorm",
    about: "in groups, offset",
    inputs: { x: [N, 6], weight: [6] },
    options: { epsilon: 0.1, groups: 3, weightOffset: 1 },
  },
  { name: "feedForward", about: "", inputs: { x: [N, 4], gate: [6, 4], up: [6, 4], down: [4, 6] }, options: {} },
  { name: "gqa", about: "part of a head rotated", inputs: gqaInputs, options: gqa },
  { name: "gqa", about: "with norms", inputs: { ...gqaInputs, queryNorm: [6], keyNorm: [6] }, options: gqa },
  { name: "mla", about: "direct queries", inputs: { ...mlaInputs, queryUp: [14, 7] }, options: mla },
  {
    name: "mla",
    about: "queries from a latent",
    inputs: { ...mlaInputs, queryDown: [5, 7], queryNorm: [5], queryUp: [14, 5] },
    options: mla,
  },
  { name: "moe", about: "sigmoid", inputs: { ...moeInputs, routerBias: [8] }, options: moe },
  {
    name: "moe",
    about: "shared, in groups",
    inputs: { ...moeInputs, ...shared },
    options: { ...moe, groups: 4, groupsKept: 2 },
  },
  { name: "moe", about: "not normalised", inputs: moeInputs, options: { ...moe, normalise: false } },
  { name: "moe", about: "softmax", inputs: moeInputs, options: { ...moe, scoring: "softmax" } },
  {
    name: "moe",
    about: "softmax, not normalised, one expert",
    inputs: moeInputs,
    options: { ...moe, scoring: "softmax", normalise: false, topK: 1 },
  },
  {
    name: "engramGate",
    about: "with biases",
    inputs: { ...gateInputs, valueBias: [3], keyBias: [6] },
    options: gate,
  },
  { name: "engramGate", about: "offset norms", inputs: gateInputs, options: { ...gate, weightOffset: 1 } },
  {
    name: "engramGate",
    about: "dead tokens",
    inputs: gateInputs,
    options: { ...gate, zeroScore: "copied-sign", dead: Uint8Array.of(0, 1, 0, 0, 1) },
  },
  {
    name: "shortConvolution",
    about: "",
    inputs: { x: [N, 6], norm: [6], weight: [6, 3] },
    options: { streams: 2, epsilon: 1e-5, weightOffset: 0, dilation: 1, sequences },
  },
  {
    name: "shortConvolution",
    about: "dilated, offset",
    inputs: { x: [N, 6], norm: [6], weight: [6, 2] },
    options: { streams: 3, epsilon: 1e-5, weightOffset: 1, dilation: 2, sequences },
  },
  { name: "expandStreams", about: "", inputs: { x: [N, 3] }, options: { streams: 4 } },
  { name: "collapseStreams", about: "mean", inputs: { x: [N, 6] }, options: { streams: 3, take: "mean" } },
  { name: "collapseStreams", about: "first", inputs: { x: [N, 6] }, options: { streams: 3, take: "first" } },
  { name: "hyperCoefficients", about: "sums", inputs: hyperInputs, options: hyper },
  { name: "hyperCoefficients", about: "softmax", inputs: hyperInputs, options: { ...hyper, start: "softmax" } },
  {
    name: "hyperCoefficients",
    about: "one stream",
    inputs: { streams: [N, 6], projection: [3, 6], bias: [3], scale: [3] },
    options: { ...hyper, streams: 1 },
  },
  { name: "hyperCollapse", about: "", inputs: { streams: [N, 6], pre: [N, 3] }, options: { streams: 3 } },
  {
    name: "hyperMerge",
    about: "",
    inputs: { streams: [N, 6], x: [N, 2], post: [N, 3], mix: [N, 9] },
    options: { streams: 3 },
  },
  {
    name: "logits",
    about: "some tokens, one twice",
    inputs: { x: [N, 4], norm: [4], head: [6, 4] },
    options: { tokens: Uint32Array.of(4, 0, 4), epsilon: 1e-6 },
  },
  {
    name: "crossEntropy",
    about: "one token not counted",
    inputs: { logits: [N, 6] },
    options: { targets: Int32Array.of(0, 5, -100, 2, 2) },
  },
];
