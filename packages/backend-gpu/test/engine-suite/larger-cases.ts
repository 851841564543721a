// Cases beside core's small ones: one token to hundreds, widths that no block of a kernel divides, packed batches of all
// kinds, many experts and few, four streams, and inputs on the edge: dead tokens, zero scores, nothing counted.

import type { HyperOptions, MoeOptions, Sequences } from "@engram-ts/core";
import { rotaryOf } from "../../../core/src/model/rotary.js";
import type { SuiteCase } from "./case-inputs.js";

/** Sequences of these lengths, each from position 0. */
function packed(lengths: readonly number[]): Sequences {
  const cumulativeLengths = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, s) => {
    cumulativeLengths[s + 1] = (cumulativeLengths[s] ?? 0) + length;
  });
  return { cumulativeLengths, starts: new Uint32Array(lengths.length) };
}

/** N tokens as sequences of many lengths, empty ones among them. */
function ragged(tokens: number): Sequences {
  const lengths: number[] = [];
  let left = tokens;
  for (let s = 0; left > 0; s++) {
    const length = Math.min(left, [0, 1, 17, 0, 3, 90, 2][s % 7] ?? 1);
    lengths.push(length);
    left -= length;
  }
  return packed([...lengths, 0]);
}

const rotary = rotaryOf({ theta: 1e4, pairing: "halves" }, 8);
const interleaved = rotaryOf(
  {
    theta: 1e4,
    pairing: "interleaved",
    yarn: { factor: 4, originalContextTokens: 32, betaFast: 32, betaSlow: 1, mscale: 1, mscaleAllDim: 0.5 },
  },
  6,
);

/** One of {@link gqa}'s shapes: `[heads, key and value heads, head width]`. */
function gqa(
  about: string,
  sequences: Sequences,
  d: number,
  [H, K, w]: readonly [number, number, number],
  norms = true,
) {
  const N = sequences.cumulativeLengths.at(-1) ?? 0;
  const one: SuiteCase = {
    name: "gqa",
    about: `${about}, N ${N}, d ${d}, heads ${H}/${K} x ${w}`,
    inputs: {
      x: [N, d],
      query: [H * w, d],
      key: [K * w, d],
      value: [K * w, d],
      output: [d, H * w],
      ...(norms && { queryNorm: [w], keyNorm: [w] }),
    },
    options: { heads: H, keyValueHeads: K, headWidth: w, rotary, scale: w ** -0.5, epsilon: 1e-6, sequences },
    long: N > 100,
  };
  return one;
}

function mla(about: string, sequences: Sequences, d: number, queryRank: number): SuiteCase {
  const N = sequences.cumulativeLengths.at(-1) ?? 0;
  const [heads, contentWidth, rotaryWidth, valueWidth, rank] = [3, 10, 6, 7, 14];
  const up = heads * (contentWidth + rotaryWidth);
  return {
    name: "mla",
    about: `${about}, N ${N}, d ${d}, query rank ${queryRank}`,
    inputs: {
      x: [N, d],
      keyValueDown: [rank + rotaryWidth, d],
      keyValueNorm: [rank],
      keyValueUp: [heads * (contentWidth + valueWidth), rank],
      output: [d, heads * valueWidth],
      ...(queryRank === 0
        ? { queryUp: [up, d] }
        : { queryDown: [queryRank, d], queryNorm: [queryRank], queryUp: [up, queryRank] }),
    },
    options: {
      heads,
      contentWidth,
      rotaryWidth,
      valueWidth,
      rotary: interleaved,
      scale: 0.25,
      epsilon: 1e-6,
      sequences,
    },
    long: N > 100,
  };
}

const sigmoid: MoeOptions = { topK: 6, scoring: "sigmoid", routeScale: 2.5, normalise: true, groups: 1, groupsKept: 1 };

function moe(about: string, [N, d, E, w]: readonly [number, number, number, number], options: MoeOptions, shared = 0) {
  const one: SuiteCase = {
    name: "moe",
    about: `${about}, N ${N}, d ${d}, ${E} experts x ${w}, top ${options.topK}`,
    inputs: {
      x: [N, d],
      router: [E, d],
      gate: [E, w, d],
      up: [E, w, d],
      down: [E, d, w],
      ...(options.scoring === "sigmoid" && { routerBias: [E] }),
      ...(shared > 0 && { sharedGate: [shared, d], sharedUp: [shared, d], sharedDown: [d, shared] }),
    },
    options,
    long: N > 100,
  };
  return one;
}

/** A bias that sends every token to the experts from `first` on. */
const biased =
  (first: number): NonNullable<SuiteCase["change"]> =>
  ({ routerBias }) => {
    routerBias?.forEach((_, e) => {
      routerBias[e] = e >= first ? 50 - e : -50;
    });
  };

function gate(about: string, [N, d, n, m]: readonly [number, number, number, number], more: object = {}): SuiteCase {
  const inputs = {
    streams: [N, n * d],
    memory: [N, m],
    value: [d, m],
    key: [n * d, m],
    keyNorm: [n * d],
    queryNorm: [n * d],
  };
  return {
    name: "engramGate",
    about: `${about}, N ${N}, ${n} streams x ${d}, memory ${m}`,
    inputs,
    options: { streams: n, epsilon: 1e-6, weightOffset: 0, zeroScore: "half", ...more },
    long: N > 100,
  };
}

function convolution(about: string, sequences: Sequences, [d, n]: readonly [number, number], kernel = 4): SuiteCase {
  const N = sequences.cumulativeLengths.at(-1) ?? 0;
  return {
    name: "shortConvolution",
    about: `${about}, N ${N}, ${n} streams x ${d}, kernel ${kernel}`,
    inputs: { x: [N, n * d], norm: [n * d], weight: [n * d, kernel] },
    options: { streams: n, epsilon: 1e-5, weightOffset: 0, dilation: 3, sequences },
    long: N > 100,
  };
}

const hyper: HyperOptions = { streams: 4, normEpsilon: 1e-6, iterations: 20, epsilon: 1e-6, start: "sums" };

/** The streams' operations, and all that have no options to speak of. */
function plain(N: number, d: number): SuiteCase[] {
  const about = `N ${N}, d ${d}`;
  const long = N > 100;
  const n = 4;
  const hyperInputs = { streams: [N, n * d], projection: [24, n * d], bias: [24], scale: [3] };
  const tokens = Uint32Array.from({ length: Math.ceil(N / 2) }, (_, i) => (i * 2 + 1) % N);
  const targets = Int32Array.from({ length: N }, (_, t) => (t % 5 === 3 ? -100 : (t * 7) % 101));
  const cases: Omit<SuiteCase, "about" | "long">[] = [
    {
      name: "embed",
      inputs: { table: [41, d] },
      options: { ids: Uint32Array.from({ length: N }, (_, t) => (t * 3) % 41) },
    },
    { name: "add", inputs: { a: [N, d], b: [N, d] }, options: {} },
    { name: "linear", inputs: { x: [N, d], weight: [d + 3, d], bias: [d + 3] }, options: {} },
    { name: "rmsNorm", inputs: { x: [N, n * d], weight: [n * d] }, options: { epsilon: 1e-6, groups: n } },
    { name: "feedForward", inputs: { x: [N, d], gate: [d + 7, d], up: [d + 7, d], down: [d, d + 7] }, options: {} },
    { name: "expandStreams", inputs: { x: [N, d] }, options: { streams: n } },
    { name: "collapseStreams", inputs: { x: [N, n * d] }, options: { streams: n, take: "mean" } },
    { name: "collapseStreams", inputs: { x: [N, n * d] }, options: { streams: n, take: "first" } },
    { name: "hyperCoefficients", inputs: hyperInputs, options: hyper },
    { name: "hyperCoefficients", inputs: hyperInputs, options: { ...hyper, start: "softmax", epsilon: 1e-3 } },
    { name: "hyperCollapse", inputs: { streams: [N, n * d], pre: [N, n] }, options: { streams: n } },
    {
      name: "hyperMerge",
      inputs: { streams: [N, n * d], x: [N, d], post: [N, n], mix: [N, n * n] },
      options: { streams: n },
    },
    { name: "logits", inputs: { x: [N, d], norm: [d], head: [101, d] }, options: { tokens, epsilon: 1e-6 } },
    { name: "crossEntropy", inputs: { logits: [N, 101] }, options: { targets } },
  ];
  return cases.map((one) => ({ ...one, about, long }));
}

const sized = [1, 2, 33, 257].flatMap((N) => [
  ...plain(N, 50),
  gqa("odd", ragged(N), 50, [6, 2, 18]),
  mla("odd", ragged(N), 50, 11),
  moe("odd", [N, 50, 9, 23], { ...sigmoid, topK: 3 }, 13),
  gate("odd", [N, 25, 4, 42]),
  convolution("odd", ragged(N), [25, 4]),
]);

/** A step of no tokens, which a batch of sequences may well be. */
export const NO_TOKENS: readonly SuiteCase[] = [
  ...plain(0, 20),
  gqa("", packed([0, 0]), 20, [4, 2, 16]),
  mla("", packed([0, 0]), 20, 11),
  moe("", [0, 20, 9, 8], sigmoid, 8),
  gate("", [0, 20, 2, 12]),
  convolution("", packed([0]), [20, 2]),
];

/** All of them. */
export const LARGER_CASES: readonly SuiteCase[] = [
  ...sized,
  ...plain(64, 64),
  gqa("equal lengths", packed([8, 8, 8, 8]), 64, [4, 2, 16]),
  gqa("every token its own sequence", packed(Array.from({ length: 33 }, () => 1)), 64, [4, 4, 16], false),
  gqa("one head of keys", packed([5, 20]), 64, [8, 1, 16], false),
  gqa("one long sequence", packed([257]), 64, [4, 2, 16]),
  mla("equal lengths", packed([8, 8, 8, 8]), 64, 0),
  mla("every token its own sequence", packed(Array.from({ length: 33 }, () => 1)), 64, 12),
  mla("one long sequence", packed([257]), 64, 0),
  moe("fewer tokens than experts", [2, 64, 64, 32], sigmoid, 32),
  moe("one token", [1, 64, 64, 32], { ...sigmoid, scoring: "softmax" }),
  moe("as many", [64, 32, 64, 16], { ...sigmoid, scoring: "softmax", normalise: false }),
  moe("more tokens than experts", [257, 32, 64, 16], sigmoid, 16),
  moe("groups", [33, 32, 64, 16], { ...sigmoid, groups: 8, groupsKept: 3 }, 16),
  moe("groups of one", [5, 16, 8, 8], { ...sigmoid, topK: 2, groups: 8, groupsKept: 4 }),
  moe("every expert", [9, 16, 4, 8], { ...sigmoid, topK: 4 }),
  { ...moe("all to one", [33, 32, 8, 16], { ...sigmoid, topK: 1 }), change: biased(7) },
  { ...moe("all to the same three", [33, 32, 8, 16], { ...sigmoid, topK: 3, normalise: false }), change: biased(5) },
  gate("streams", [33, 32, 4, 96]),
  gate("one stream", [33, 64, 1, 96], { weightOffset: 1 }),
  gate("every token dead", [5, 16, 2, 12], { dead: new Uint8Array(5).fill(1) }),
  gate("none dead", [5, 16, 2, 12], { dead: new Uint8Array(5), zeroScore: "copied-sign" }),
  ...(["half", "copied-sign"] as const).map((zeroScore) => ({
    ...gate(`scores of exactly 0, ${zeroScore}`, [6, 16, 2, 12], { zeroScore }),
    change: ({ memory, streams }: Readonly<Record<string, Float32Array>>) => {
      memory?.fill(0, 0, 2 * 12); // tokens 0 and 1 have no memory
      streams?.fill(0, 3 * 32, 4 * 32); // token 3 nothing to ask with
    },
  })),
  convolution("equal lengths", packed([8, 8, 8, 8]), [32, 4]),
  convolution("shorter than the kernel looks back", packed([2, 1, 0, 3]), [32, 2]),
  convolution("one tap", packed([5, 4]), [32, 1], 1),
  {
    name: "crossEntropy",
    about: "no token counted",
    inputs: { logits: [3, 17] },
    options: { targets: Int32Array.of(-1, -100, -7) },
  },
  {
    name: "crossEntropy",
    about: "logits of a hundred",
    inputs: { logits: [4, 33] },
    options: { targets: Int32Array.of(0, 32, 5, 5) },
    change: ({ logits }) => logits?.set(logits.map((value) => value * 120)),
  },
  {
    name: "crossEntropy",
    about: "a vocabulary of thousands",
    inputs: { logits: [3, 4099] },
    options: { targets: Int32Array.of(4098, -100, 0) },
  },
  {
    name: "logits",
    about: "every token, in another order",
    inputs: { x: [4, 32], norm: [32], head: [33, 32] },
    options: { tokens: Uint32Array.of(3, 2, 1, 0), epsilon: 1e-6 },
  },
  {
    name: "hyperCoefficients",
    about: "epsilon 0",
    inputs: { streams: [7, 48], projection: [15, 48], bias: [15], scale: [3] },
    options: { ...hyper, streams: 3, iterations: 3, epsilon: 0 },
  },
];

/** Operations with caches, in the shapes whose caches are fed; their own tokens are not used. */
export function cacheCases() {
  return {
    gqa: gqa("fed", packed([1]), 50, [6, 2, 16]),
    mla: mla("fed", packed([1]), 50, 11),
    convolution: convolution("fed", packed([1]), [20, 2]),
  };
}
