// What runs the attention or the feed-forward of a block: the operations of the kinds that come with the package, and the
// shape of those that users bring for their own kinds. A part is written over a backend's operations alone, so it runs on
// every engine and has its gradients from them. Norm and residual are around it: forward.ts.

import { EngramError } from "../errors.js";
import type { CacheShape } from "./backend.js";
import type { OperationCalls, Rotary, Sequences } from "./backend-operations.js";
import type {
  AttentionSpec,
  DenseSpec,
  FeedForwardSpec,
  GqaSpec,
  MlaSpec,
  ModelSpec,
  MoeSpec,
  RopeSpec,
} from "./model-spec.js";
import { rotaryOf, yarnScoreFactor } from "./rotary.js";

/** One call of a part, over N packed tokens. */
export interface PartCall<T, Spec extends AttentionSpec | FeedForwardSpec = AttentionSpec | FeedForwardSpec> {
  /** The part's own specification. */
  readonly spec: Spec;
  readonly model: ModelSpec;
  /** The block's index. */
  readonly layer: number;
  /** Operations, tracked or recorded. */
  readonly calls: OperationCalls<T>;
  /** `[N, d]`, normed. */
  readonly x: T;
  readonly sequences: Sequences;
  /**
   * A parameter of the part, by its name within it.
   * @throws EngramError `invalid-argument` where there is none.
   */
  parameter(name: string): T;
  /** What earlier tokens left, a cache a sequence; undefined where whole sequences run. */
  caches(name: string, shape: Omit<CacheShape, "capacity">): readonly T[] | undefined;
  /** Gives something besides the result to the caller of `forward`, under `blocks.LAYER.SLOT.NAME`. */
  report(name: string, tensor: T): void;
}

/** Runs a part: x `[N, d]` -> `[N, d]`. */
export type PartOperation<T> = (call: PartCall<T>) => T;

/** Operations of the user's own kinds, by the kinds' names. */
export type PartOperations<T> = Readonly<Record<string, PartOperation<T>>>;

/**
 * The operation of a kind.
 * @throws EngramError `invalid-argument` where it is neither one of the package's nor in `own`.
 */
export function partOperation<T>(kind: string, own: PartOperations<T>): PartOperation<T> {
  switch (kind) {
    case "mla":
      return runMla as PartOperation<T>; // called with specs of its kind alone, as each below
    case "gqa":
      return runGqa as PartOperation<T>;
    case "dense":
      return runDense as PartOperation<T>;
    case "moe":
      return runMoe as PartOperation<T>;
  }
  const operation = own[kind];
  if (operation !== undefined) return operation;
  throw new EngramError({
    code: "invalid-argument",
    operation: "createModel",
    message: `no operation runs blocks of kind ${JSON.stringify(kind)}; give one in operations, under the kind's name`,
    context: { kind },
  });
}

function runMla<T>(call: PartCall<T, MlaSpec>): T {
  const { calls, x, spec, model, sequences, parameter } = call;
  const { heads, kvRank, nopeHeadDim: contentWidth, ropeHeadDim: rotaryWidth, valueHeadDim: valueWidth, rope } = spec;
  const query =
    spec.queryRank === null
      ? { queryUp: parameter("query.weight") }
      : {
          queryDown: parameter("queryDown.weight"),
          queryNorm: parameter("queryNorm.weight"),
          queryUp: parameter("queryUp.weight"),
        };
  const weights = {
    ...query,
    keyValueDown: parameter("kvDown.weight"),
    keyValueNorm: parameter("kvNorm.weight"),
    keyValueUp: parameter("kvUp.weight"),
    output: parameter("output.weight"),
  };
  const scale = yarnScoreFactor(rope) / Math.sqrt(contentWidth + rotaryWidth);
  const options = { heads, contentWidth, rotaryWidth, valueWidth, scale, epsilon: model.normEpsilon };
  const rotary = rotaryFor(rope, rotaryWidth);
  const caches = call.caches("latent", { width: kvRank + rotaryWidth });
  return calls.mla({ x, ...weights }, { ...options, rotary, sequences, ...(caches && { caches }) }).y;
}

function runGqa<T>(call: PartCall<T, GqaSpec>): T {
  const { calls, x, spec, model, sequences, parameter } = call;
  const { heads, kvHeads: keyValueHeads, headDim: headWidth, rope, ropeDim, queryKeyNorm } = spec;
  const weights = {
    query: parameter("query.weight"),
    key: parameter("key.weight"),
    value: parameter("value.weight"),
    output: parameter("output.weight"),
    ...(queryKeyNorm && { queryNorm: parameter("queryNorm.weight"), keyNorm: parameter("keyNorm.weight") }),
  };
  const scale = 1 / Math.sqrt(headWidth);
  const options = { heads, keyValueHeads, headWidth, scale, epsilon: model.normEpsilon };
  const rotary = rotaryFor(rope, ropeDim);
  const caches = call.caches("keysValues", { width: 2 * keyValueHeads * headWidth });
  return calls.gqa({ x, ...weights }, { ...options, rotary, sequences, ...(caches && { caches }) }).y;
}

function runDense<T>({ calls, x, parameter }: PartCall<T, DenseSpec>): T {
  const weights = { gate: parameter("gate.weight"), up: parameter("up.weight"), down: parameter("down.weight") };
  return calls.feedForward({ x, ...weights }, {}).y;
}

function runMoe<T>({ calls, x, spec, parameter, report }: PartCall<T, MoeSpec>): T {
  const weights = {
    router: parameter("router.weight"),
    gate: parameter("experts.gate.weight"),
    up: parameter("experts.up.weight"),
    down: parameter("experts.down.weight"),
    ...(spec.balancingBias && { routerBias: parameter("router.bias") }),
    ...(spec.sharedExperts > 0 && {
      sharedGate: parameter("shared.gate.weight"),
      sharedUp: parameter("shared.up.weight"),
      sharedDown: parameter("shared.down.weight"),
    }),
  };
  const { topK, scoring, routeScale, normalizeWeights: normalise, groups, topGroups: groupsKept } = spec;
  const options = { topK, scoring, routeScale, normalise, groups, groupsKept };
  const { y, experts, weights: routeWeights, load } = calls.moe({ x, ...weights }, options);
  report("experts", experts);
  report("weights", routeWeights);
  report("load", load);
  return y;
}

// Specifications are values that live as long as their model, so the frequencies are made once.
const rotaries = new WeakMap<RopeSpec, Rotary>();

function rotaryFor(rope: RopeSpec, width: number): Rotary {
  const known = rotaries.get(rope);
  if (known !== undefined && known.frequencies.length === width / 2) return known;
  const rotary = rotaryOf(rope, width);
  rotaries.set(rope, rotary);
  return rotary;
}
