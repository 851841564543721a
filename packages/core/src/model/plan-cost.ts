// What a forward costs: operations and bytes, block by block, for a decode step and for a prefill. Counted from
// parameters: two operations for each weight that a token uses, each weight read once a step, and what attention adds by
// the context. Left out, as small: norms' own arithmetic, softmax, activations moved.

import type { ContextCost } from "./block-kind.js";
import { type BlockKindOptions, kindOf } from "./block-kinds.js";
import type { BlockSpec, ModelSpec } from "./model-spec.js";
import { blockParameters, modelParameters } from "./parameters.js";
import { activatedValues, type ParameterShape, parameterValues } from "./parameters-shape.js";
import type { Workload } from "./plan-workload.js";

/** Operations and bytes of device memory of one step. */
export interface StepCost {
  readonly flops: number;
  readonly bytes: number;
}

/** One phase: a decode step of all sequences, or the prefill of one. */
export interface PhaseCost {
  /** Tokens of a step. */
  readonly tokens: number;
  readonly flopsPerToken: number;
  /** Weights and state read and written, divided by the tokens that share the step. */
  readonly bytesPerToken: number;
  /** In order; engram modules in their blocks. */
  readonly blocks: readonly StepCost[];
  /** Token embedding before, last norm and head after the blocks. */
  readonly ends: StepCost;
}

/** See {@link modelCost}. */
export interface ModelCost {
  readonly prefill: PhaseCost;
  readonly decode: PhaseCost;
  /** Bytes of all weights without tables. */
  readonly weightBytes: number;
  /** Bytes kept for all sequences at their full context: keys, values, latents. Convolution states are left out. */
  readonly stateBytes: number;
}

/** What the model costs under a workload. */
export function modelCost(spec: ModelSpec, workload: Workload, options: BlockKindOptions = {}): ModelCost {
  const { sequences, contextTokens, prefillTokens, weightBytes, stateBytes } = workload;
  // in a prefill a token has half of the others before it, on average
  const decode = phase(spec, workload, options, { tokens: sequences, earlier: contextTokens, decode: true });
  const prefill = phase(spec, workload, options, {
    tokens: prefillTokens,
    earlier: (prefillTokens - 1) / 2,
    decode: false,
  });
  const resident = modelParameters(spec, options).filter((one) => one.component !== "engram tables");
  const state = spec.blocks.reduce((sum, block) => sum + contextCost(spec, block, options).stateValues, 0);
  return {
    prefill,
    decode,
    weightBytes: sum(resident.map(parameterValues)) * weightBytes,
    stateBytes: state * sequences * contextTokens * stateBytes,
  };
}

interface PhaseShape {
  readonly tokens: number;
  /** Earlier tokens that each token attends to. */
  readonly earlier: number;
  readonly decode: boolean;
}

function phase(spec: ModelSpec, workload: Workload, options: BlockKindOptions, shape: PhaseShape): PhaseCost {
  const { tokens, earlier, decode } = shape;
  const blocks = spec.blocks.map((block): StepCost => {
    const weights = weightCost(blockParameters(spec, block, options), tokens, workload.weightBytes);
    const { prefillFlops, decodeFlops, stateValues } = contextCost(spec, block, options);
    // the token itself is one of those that it attends to
    const flops = tokens * (earlier + 1) * (decode ? decodeFlops : prefillFlops);
    // a decode step reads the whole state; a prefill writes it and keeps to what is at hand
    const state = tokens * ((decode ? earlier : 0) + 1) * stateValues * workload.stateBytes;
    return { flops: weights.flops + flops, bytes: weights.bytes + state };
  });
  const outside = modelParameters(spec, options).filter((one) => !one.name.startsWith("blocks."));
  const ends = weightCost(outside, tokens, workload.weightBytes);
  return {
    tokens,
    flopsPerToken: (sum(blocks.map((one) => one.flops)) + ends.flops) / tokens,
    bytesPerToken: (sum(blocks.map((one) => one.bytes)) + ends.bytes) / tokens,
    blocks,
    ends,
  };
}

/** Each token multiplies what it uses; each weight that any of them uses is read once. */
function weightCost(parameters: readonly ParameterShape[], tokens: number, weightBytes: number): StepCost {
  let flops = 0;
  let values = 0;
  for (const one of parameters) {
    if (one.lookedUp) {
      values += activatedValues(one) * tokens;
      continue;
    }
    flops += 2 * activatedValues(one) * tokens;
    // tokens choose experts independently and evenly: the share that none of them chooses is not read
    values += parameterValues(one) * (1 - (1 - (one.activatedShare ?? 1)) ** tokens);
  }
  return { flops, bytes: values * weightBytes };
}

const NO_CONTEXT: ContextCost = { prefillFlops: 0, decodeFlops: 0, stateValues: 0 };

function contextCost(spec: ModelSpec, block: BlockSpec, options: BlockKindOptions): ContextCost {
  const costs = (["attention", "feedForward"] as const).map(
    (slot) => kindOf(slot, block[slot], options).contextCost?.(block[slot], spec) ?? NO_CONTEXT,
  );
  return {
    prefillFlops: sum(costs.map((one) => one.prefillFlops)),
    decodeFlops: sum(costs.map((one) => one.decodeFlops)),
    stateValues: sum(costs.map((one) => one.stateValues)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
