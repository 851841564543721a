// Single blocks at the sizes of published models, on seeded weights that the Python peer makes alike: an engram module, a
// mixture of experts, attention. Run as chains, each on what the one before gave, so that no engine can leave one out.

import {
  type Backend,
  type EngramSpec,
  type GqaSpec,
  type MlaSpec,
  type ModelSpec,
  type MoeSpec,
  rotaryOf,
} from "@engram-ts/core";
import { timed } from "./compute-run.js";
import { matrixBound, seededValues, seedOf } from "./seeded-values.js";

/** The sizes of a model that a block depends on, as the peer takes them. */
type BlockModel = Pick<ModelSpec, "width" | "contextTokens" | "normEpsilon"> & {
  readonly streams: { readonly count: number };
};

/** A block with its weights by name, and how it runs. */
export interface ComputeBlock {
  readonly name: string;
  readonly kind: "engram" | "moe" | "gqa" | "mla";
  readonly spec: EngramSpec | MoeSpec | GqaSpec | MlaSpec;
  readonly model: BlockModel;
  /** 0 where the block takes no memory. */
  readonly memoryWidth: number;
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

/** Weights that were made. */
export type BlockWeights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

/** The weights of a block, to be given to each engine. */
export function blockWeights({ weights }: ComputeBlock): BlockWeights {
  return new Map(
    Object.entries(weights).map(([name, shape]) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const isNorm = name.toLowerCase().includes("norm");
      const values = isNorm
        ? new Float32Array(size).fill(1)
        : seededValues(size, matrixBound(shape.at(-1) ?? 1), seedOf(name));
      return [name, { shape, values }];
    }),
  );
}

/** A block on an engine. */
export interface BlockRun {
  /** Nanoseconds of `calls` chains of `chain` blocks over `tokens`. */
  run(tokens: number, chain: number, calls: number): Promise<number>;
  /** About 4,096 of the values of one block's output. */
  sample(tokens: number): Promise<Float32Array>;
  close(): void;
}

/** Puts a block on an engine. */
export function openBlock<T>(backend: Backend<T>, block: ComputeBlock, weights: BlockWeights): BlockRun {
  const { width, streams } = block.model;
  const side = width * streams.count;
  const tensors = new Map<string, T>();
  for (const [name, { shape, values }] of weights) {
    tensors.set(name, backend.upload(values, shape, shape.length > 1 ? "matrix" : "parameter"));
  }
  const ones = backend.upload(new Float32Array(side).fill(1), [side], "parameter");
  const head = backend.upload(new Float32Array(side).fill(1), [1, side], "parameter");
  const inputs = (tokens: number) => ({
    x: backend.upload(seededValues(tokens * side, 1, 1_000), [tokens, side], "parameter"), // on the device, as PyTorch's
    ...(block.memoryWidth > 0 && {
      memory: backend.upload(
        seededValues(tokens * block.memoryWidth, 1, 1_001),
        [tokens, block.memoryWidth],
        "parameter",
      ),
    }),
  });
  const step = blockStep(backend, block, tensors, ones);
  return {
    async run(tokens, chain, calls) {
      const { x, memory } = inputs(tokens);
      const last = { tokens: Uint32Array.of(tokens - 1), epsilon: 1e-6 };
      const once = async (): Promise<void> => {
        const made: T[] = [];
        let y = x;
        for (let i = 0; i < chain; i++) y = step(y, memory, made);
        const { y: one } = backend.operations.logits.forward({ x: y, norm: ones, head }, last);
        await backend.download(one);
        backend.dispose([...made, one]);
      };
      const ns = await timed(calls, once);
      backend.dispose(memory === undefined ? [x] : [x, memory]);
      return ns;
    },
    async sample(tokens) {
      const { x, memory } = inputs(tokens);
      const made: T[] = [];
      const values = await backend.download(step(x, memory, made));
      backend.dispose(memory === undefined ? [x, ...made] : [x, memory, ...made]);
      const stride = Math.max(1, Math.floor(values.length / 4_096));
      return values.filter((_, i) => i % stride === 0);
    },
    close: () => backend.dispose([...tensors.values(), ones, head]),
  };
}

/** One block and what keeps its values in range. */
function blockStep<T>(backend: Backend<T>, block: ComputeBlock, tensors: ReadonlyMap<string, T>, ones: T) {
  const { operations } = backend;
  const weight = (name: string): T => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`block ${block.name} has no weight ${name}`);
    return tensor;
  };
  const operation = blockOperation(backend, block, weight);
  return (x: T, memory: T | undefined, made: T[]): T => {
    const y = operation(x, memory, made);
    const after =
      block.kind === "engram"
        ? operations.add.forward({ a: x, b: y }, {})
        : operations.rmsNorm.forward({ x: y, weight: ones }, { epsilon: 1e-6 });
    made.push(after.y);
    return after.y;
  };
}

/** The block alone: x and memory to y; everything that it makes is added to `made`. */
function blockOperation<T>(backend: Backend<T>, { spec, model }: ComputeBlock, weight: (name: string) => T) {
  const { operations } = backend;
  const epsilon = model.normEpsilon;
  const sequencesOf = (x: T) => {
    const [tokens = 0] = backend.shape(x);
    return { cumulativeLengths: Uint32Array.of(0, tokens), starts: new Uint32Array(1) };
  };
  const kept = (outputs: { readonly y: T; readonly saved?: readonly T[] }, made: T[]): T => {
    const { saved = [], ...named } = outputs;
    made.push(...Object.values<T>(named), ...saved);
    return outputs.y;
  };
  return (x: T, memory: T | undefined, made: T[]): T => {
    switch (spec.kind) {
      case "gqa": {
        const { heads, kvHeads: keyValueHeads, headDim: headWidth, ropeDim } = spec;
        const weights = {
          query: weight("query.weight"),
          key: weight("key.weight"),
          value: weight("value.weight"),
          output: weight("output.weight"),
        };
        const scale = 1 / Math.sqrt(headWidth);
        const rotary = rotaryOf(spec.rope, ropeDim);
        const options = { heads, keyValueHeads, headWidth, rotary, scale, epsilon, sequences: sequencesOf(x) };
        return kept(operations.gqa.forward({ x, ...weights }, options), made);
      }
      case "mla": {
        const { heads, nopeHeadDim: contentWidth, ropeHeadDim: rotaryWidth, valueHeadDim: valueWidth } = spec;
        const weights = {
          queryDown: weight("queryDown.weight"),
          queryNorm: weight("queryNorm.weight"),
          queryUp: weight("queryUp.weight"),
          keyValueDown: weight("kvDown.weight"),
          keyValueNorm: weight("kvNorm.weight"),
          keyValueUp: weight("kvUp.weight"),
          output: weight("output.weight"),
        };
        const scale = 1 / Math.sqrt(contentWidth + rotaryWidth);
        const rotary = rotaryOf(spec.rope, rotaryWidth);
        const sizes = { heads, contentWidth, rotaryWidth, valueWidth };
        const options = { ...sizes, rotary, scale, epsilon, sequences: sequencesOf(x) };
        return kept(operations.mla.forward({ x, ...weights }, options), made);
      }
      case "moe": {
        const { topK, scoring, routeScale, normalizeWeights: normalise, groups, topGroups: groupsKept } = spec;
        const weights = {
          router: weight("router.weight"),
          gate: weight("experts.gate.weight"),
          up: weight("experts.up.weight"),
          down: weight("experts.down.weight"),
        };
        const options = { topK, scoring, routeScale, normalise, groups, groupsKept };
        return kept(operations.moe.forward({ x, ...weights }, options), made);
      }
      default: {
        if (memory === undefined) throw new Error(`a block of kind ${spec.kind} needs memory`);
        const weights = {
          key: weight("key.weight"),
          value: weight("value.weight"),
          keyNorm: weight("keyNorm.weight"),
          queryNorm: weight("queryNorm.weight"),
        };
        const zeroScore = spec.kind === "deepseek-v4.1" ? "copied-sign" : "half";
        const weightOffset = spec.kind === "qwen-ple" ? 1 : 0;
        const options = { streams: model.streams.count, epsilon: spec.normEpsilon, weightOffset, zeroScore } as const;
        return kept(operations.engramGate.forward({ streams: x, memory, ...weights }, options), made);
      }
    }
  };
}
