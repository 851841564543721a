// Checks of what an operation is given, before any library is called: a wrong shape would end the process in one, and be
// broadcast in another. The rules and the words are those of the reference. Also the shapes that come out. Not here:
// handles (each engine knows its own), and limits of a device.

import type { CacheShape, OperationName, OperationOptions } from "@engram-ts/core";
import { type CheckedInputs, checkedInputs, refused, type Shapes } from "./operation-checks/checked-inputs.js";
import {
  checkChoice,
  checkCounts,
  checkEpsilon,
  checkFinite,
  checkIds,
  checkLength,
  checkRotary,
  checkTargets,
  checkTokens,
} from "./operation-checks/checked-options.js";
import { checkCaches, checkSequences, refuseCaches } from "./operation-checks/checked-sequences.js";

/** Sides of outputs by name. */
export type OutputShapes = Readonly<Record<string, readonly number[]>>;

/**
 * Checks the shapes of a call's inputs, and its options. Gives the shapes of the outputs.
 * @throws EngramError `invalid-argument` naming operation, input, shape found and expected; `token-out-of-range`.
 */
export function checkOperation<N extends OperationName>(
  name: N,
  shapes: Shapes,
  options: OperationOptions<unknown, N>,
): OutputShapes {
  return CHECKS[name](checkedInputs(name, shapes), options);
}

/**
 * Checks the caches of a call whose inputs were checked; undefined stands for a handle that is no cache.
 * @throws EngramError `invalid-argument`
 */
export function checkOperationCaches(
  name: "gqa" | "mla" | "shortConvolution",
  shapes: Shapes,
  options:
    | OperationOptions<unknown, "gqa">
    | OperationOptions<unknown, "mla">
    | OperationOptions<unknown, "shortConvolution">,
  caches: readonly (CacheShape | undefined)[],
): void {
  let width = shapes.x?.at(-1) ?? 0;
  if ("keyValueHeads" in options) width = 2 * options.keyValueHeads * options.headWidth;
  else if ("rotaryWidth" in options) width = (shapes.keyValueNorm?.[0] ?? 0) + options.rotaryWidth;
  checkCaches(name, caches, options.sequences, width);
}

/**
 * Checks a backward call: no caches, and gradients of the outputs' shapes.
 * @throws EngramError `unsupported`, `invalid-argument`
 */
export function checkGradients(name: OperationName, options: object, outputs: Shapes, gradients: Shapes): void {
  refuseCaches(name, options);
  const given = checkedInputs(`${name} backward`, gradients);
  for (const [output, shape] of Object.entries(outputs)) if (shape !== undefined) given.allow(output, shape);
}

type Check<N extends OperationName> = (inputs: CheckedInputs, options: OperationOptions<unknown, N>) => OutputShapes;

const CHECKS: { readonly [N in OperationName]: Check<N> } = {
  embed(inputs, { ids, idsPerToken = 1 }) {
    const { rows, width } = inputs.matrix("table", "[V, d]");
    checkCounts("embed", { idsPerToken });
    if (ids.length % idsPerToken !== 0) {
      throw refused("embed", `there are ${ids.length} ids, expected a multiple of idsPerToken, ${idsPerToken}`);
    }
    checkIds("embed", ids, rows);
    return { y: [ids.length / idsPerToken, idsPerToken * width] };
  },

  add(inputs) {
    const shape = inputs.any("a");
    inputs.expect("b", shape);
    return { y: shape };
  },

  linear(inputs) {
    const { rows, width } = inputs.matrix("x", "[N, i]");
    const { rows: outputs } = inputs.weight("weight", `[o, ${width}]`);
    inputs.expect("weight", [outputs, width]);
    inputs.allow("bias", [outputs]);
    return { y: [rows, outputs] };
  },

  rmsNorm(inputs, { epsilon, groups = 1, weightOffset = 0 }) {
    checkCounts("rmsNorm", { groups });
    checkEpsilon("rmsNorm", { epsilon });
    checkChoice("rmsNorm", "weightOffset", weightOffset, [0, 1]);
    const { rows, width } = inputs.parted("x", groups, "d");
    inputs.expect("weight", [groups * width]);
    return { y: [rows, groups * width] };
  },

  feedForward(inputs) {
    const { rows, width: d } = inputs.matrix("x", "[N, d]");
    const { rows: w } = inputs.weight("gate", `[w, ${d}]`);
    inputs.expect("gate", [w, d]);
    inputs.expect("up", [w, d]);
    inputs.expect("down", [d, w]);
    return { y: [rows, d] };
  },

  gqa(inputs, options) {
    const { heads, keyValueHeads, headWidth, rotary, scale, epsilon } = options;
    checkCounts("gqa", { heads, keyValueHeads, headWidth });
    if (heads % keyValueHeads !== 0) {
      throw refused("gqa", `${heads} heads for ${keyValueHeads} heads of keys and values, expected a multiple`);
    }
    checkFinite("gqa", { scale });
    checkEpsilon("gqa", { epsilon });
    checkRotary("gqa", rotary, headWidth);
    const { rows, width: d } = inputs.matrix("x", "[N, d]");
    inputs.expect("query", [heads * headWidth, d]);
    inputs.expect("key", [keyValueHeads * headWidth, d]);
    inputs.expect("value", [keyValueHeads * headWidth, d]);
    inputs.expect("output", [d, heads * headWidth]);
    inputs.allow("queryNorm", [headWidth]);
    inputs.allow("keyNorm", [headWidth]);
    checkSequences("gqa", options, rows);
    return { y: [rows, d] };
  },

  mla(inputs, options) {
    const { heads, contentWidth, rotaryWidth, valueWidth, rotary, scale, epsilon } = options;
    checkCounts("mla", { heads, contentWidth, rotaryWidth, valueWidth });
    checkFinite("mla", { scale });
    checkEpsilon("mla", { epsilon });
    checkRotary("mla", rotary, rotaryWidth);
    const { rows, width: d } = inputs.matrix("x", "[N, d]");
    const rank = inputs.vector("keyValueNorm", "[rank]");
    let queryRank = d;
    if (inputs.has("queryDown") || inputs.has("queryNorm")) {
      queryRank = inputs.weight("queryDown", `[query rank, ${d}]`).rows;
      inputs.expect("queryDown", [queryRank, d]);
      inputs.expect("queryNorm", [queryRank]);
    }
    inputs.expect("queryUp", [heads * (contentWidth + rotaryWidth), queryRank]);
    inputs.expect("keyValueDown", [rank + rotaryWidth, d]);
    inputs.expect("keyValueUp", [heads * (contentWidth + valueWidth), rank]);
    inputs.expect("output", [d, heads * valueWidth]);
    checkSequences("mla", options, rows);
    return { y: [rows, d] };
  },

  moe(inputs, options) {
    const { rows, width: d } = inputs.matrix("x", "[N, d]");
    const [experts = 0, w = 0] = inputs.sides("gate", 3, `[E, w, ${d}]`);
    checkCounts("moe", { "number of experts": experts });
    inputs.expect("router", [experts, d]);
    inputs.allow("routerBias", [experts]);
    inputs.expect("gate", [experts, w, d]);
    inputs.expect("up", [experts, w, d]);
    inputs.expect("down", [experts, d, w]);
    if (["sharedGate", "sharedUp", "sharedDown"].some((name) => inputs.has(name))) {
      const { rows: shared } = inputs.weight("sharedGate", `[ws, ${d}]`);
      inputs.expect("sharedGate", [shared, d]);
      inputs.expect("sharedUp", [shared, d]);
      inputs.expect("sharedDown", [d, shared]);
    }
    checkRoute(options, experts);
    return { y: [rows, d], experts: [rows, options.topK], weights: [rows, options.topK], load: [experts] };
  },

  engramGate(inputs, { streams, epsilon, weightOffset, zeroScore, dead }) {
    checkCounts("engramGate", { streams });
    checkEpsilon("engramGate", { epsilon });
    checkChoice("engramGate", "weightOffset", weightOffset, [0, 1]);
    checkChoice("engramGate", "zeroScore", zeroScore, ["half", "copied-sign"]);
    const { rows, width: d } = inputs.parted("streams", streams, "d");
    const { width: m } = inputs.matrix("memory", `[${rows}, m]`);
    inputs.expect("memory", [rows, m]);
    inputs.expect("value", [d, m]);
    inputs.expect("key", [streams * d, m]);
    inputs.expect("keyNorm", [streams * d]);
    inputs.expect("queryNorm", [streams * d]);
    inputs.allow("valueBias", [d]);
    inputs.allow("keyBias", [streams * d]);
    if (dead !== undefined) checkLength("engramGate", "dead", dead.length, rows);
    return { y: [rows, streams * d], gates: [rows, streams] };
  },

  shortConvolution(inputs, options) {
    const { streams, epsilon, weightOffset, dilation } = options;
    checkCounts("shortConvolution", { streams, dilation });
    checkEpsilon("shortConvolution", { epsilon });
    checkChoice("shortConvolution", "weightOffset", weightOffset, [0, 1]);
    const { rows, width: d } = inputs.parted("x", streams, "d");
    const { width: kernel } = inputs.weight("weight", `[${streams * d}, kernel]`);
    inputs.expect("norm", [streams * d]);
    inputs.expect("weight", [streams * d, kernel]);
    checkSequences("shortConvolution", options, rows);
    return { y: [rows, streams * d] };
  },

  expandStreams(inputs, { streams }) {
    checkCounts("expandStreams", { streams });
    const { rows, width } = inputs.matrix("x", "[N, d]");
    return { y: [rows, streams * width] };
  },

  collapseStreams(inputs, { streams, take }) {
    checkCounts("collapseStreams", { streams });
    checkChoice("collapseStreams", "take", take, ["mean", "first"]);
    const { rows, width } = inputs.parted("x", streams, "d");
    return { y: [rows, width] };
  },

  hyperCoefficients(inputs, { streams: n, normEpsilon, iterations, epsilon, start }) {
    checkCounts("hyperCoefficients", { streams: n });
    checkCounts("hyperCoefficients", { iterations }, 0);
    checkEpsilon("hyperCoefficients", { normEpsilon, epsilon });
    checkChoice("hyperCoefficients", "start", start, ["sums", "softmax"]);
    const { rows, width } = inputs.parted("streams", n, "d");
    const outputs = (2 + n) * n;
    inputs.expect("projection", [outputs, n * width]);
    inputs.expect("bias", [outputs]);
    inputs.expect("scale", [3]);
    return { pre: [rows, n], post: [rows, n], mix: [rows, n * n] };
  },

  hyperCollapse(inputs, { streams: n }) {
    checkCounts("hyperCollapse", { streams: n });
    const { rows, width } = inputs.parted("streams", n, "d");
    inputs.expect("pre", [rows, n]);
    return { x: [rows, width] };
  },

  hyperMerge(inputs, { streams: n }) {
    checkCounts("hyperMerge", { streams: n });
    const { rows, width } = inputs.parted("streams", n, "d");
    inputs.expect("x", [rows, width]);
    inputs.expect("post", [rows, n]);
    inputs.expect("mix", [rows, n * n]);
    return { y: [rows, n * width] };
  },

  logits(inputs, { tokens, epsilon }) {
    checkEpsilon("logits", { epsilon });
    const { rows, width } = inputs.matrix("x", "[N, d]");
    const { rows: vocabulary } = inputs.weight("head", `[V, ${width}]`);
    inputs.expect("norm", [width]);
    inputs.expect("head", [vocabulary, width]);
    checkTokens("logits", tokens, rows);
    return { y: [tokens.length, vocabulary] };
  },

  crossEntropy(inputs, { targets }) {
    const { rows, width } = inputs.matrix("logits", "[N, V]");
    checkTargets("crossEntropy", targets, rows, width);
    return { loss: [1] };
  },
};

function checkRoute(options: OperationOptions<unknown, "moe">, experts: number): void {
  const { topK, scoring, routeScale, groups, groupsKept } = options;
  checkCounts("moe", { topK, groups, groupsKept });
  checkChoice("moe", "scoring", scoring, ["sigmoid", "softmax"]);
  checkFinite("moe", { routeScale });
  if (experts % groups !== 0 || groupsKept > groups) {
    const found = `${groupsKept} of ${groups} groups kept`;
    throw refused("moe", `${found}, expected equal groups of the ${experts} experts, and no more kept than there are`);
  }
  const candidates = (experts / groups) * groupsKept;
  if (topK > candidates)
    throw refused("moe", `topK is ${topK}, expected at most ${candidates}, the experts to choose from`);
}
