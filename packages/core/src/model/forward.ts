// The whole model, from token ids to logits, over any backend. A generator: it yields where a block needs its rows, with
// the row ids, and goes on with the tensor of those rows that it is sent; whoever drives it may wait there, and the
// backend computes meanwhile. Training drives it with rows that it has already (forward-drivers.ts, awaited), inference
// with tickets that it took before the first block ran. Not here: rows, states (decode-state.ts), sampling.
//
// Letters: N packed tokens, d width, n residual streams (side by side in a token: [N, n * d]), m memory width.

import { EngramError } from "../errors.js";
import type { CacheShape } from "./backend.js";
import type { OperationCalls, Sequences } from "./backend-operations.js";
import type { Model } from "./forward-model.js";
import { partOperation } from "./forward-part.js";
import type {
  AttentionSpec,
  ConvolutionSpec,
  EngramSpec,
  FeedForwardSpec,
  HyperConnectionsSpec,
} from "./model-spec.js";
import type { PackedTokens, RowsNeeded } from "./rows-needed.js";

/** One run of a model. */
export interface ForwardBatch<T> extends PackedTokens {
  /** The rows of each block with an engram: `rowsNeeded` of the same tokens. */
  readonly rows: readonly RowsNeeded[];
  /** The tokens whose logits are wanted, as places in the batch. */
  readonly outputs: Uint32Array;
  /** Tokens before each sequence that its caches hold; all 0 where left out. */
  readonly starts?: Uint32Array;
  /** What earlier tokens left in a block: a cache a sequence. Left out where whole sequences run. */
  caches?(name: string, shape: Omit<CacheShape, "capacity">): readonly T[];
  /**
   * Called after each block with its residual as the last norm would take it, `[N, d]`: the last norm and the head on it
   * say what the model would predict if no block came after (LogitLens). The tensor belongs to the scope or tape, too.
   */
  afterBlock?(layer: number, x: T): void;
  /**
   * Called after each block with the tensors that later blocks need, and the reports so far: all others that the calls
   * gave since may be freed, and reports that nobody wants. Left out where a tape still needs them.
   */
  blockDone?(needed: readonly T[], reports: ReadonlyMap<string, T>): void;
}

/** What a run gives; its tensors belong to the scope or tape of the calls. */
export interface ForwardResult<T> {
  /** `[outputs, vocabSize]`. */
  readonly logits: T;
  /**
   * What blocks report besides: `blocks.I.engram.gates` [N, n], and of mixtures of experts
   * `blocks.I.feedForward.experts` and `.weights` [N, topK], `.load` [E].
   */
  readonly reports: ReadonlyMap<string, T>;
}

/**
 * Runs a model over a batch.
 * @param calls operations of a scope (to infer) or of a tape (to train).
 * @returns a generator that yields what rows a block needs, is sent them as `[N, m]`, and returns the result.
 * @throws EngramError `invalid-argument`, `token-out-of-range` where the batch is none of this model's.
 */
export function* forward<T>(
  model: Model<T>,
  calls: OperationCalls<T>,
  batch: ForwardBatch<T>,
): Generator<RowsNeeded, ForwardResult<T>, T> {
  const { spec } = model;
  const reports = new Map<string, T>();
  const run: Run<T> = { model, calls, batch, reports, sequences: sequencesOf(batch) };
  const table = parameter(run, "embedding.weight");
  const embedded = calls.embed({ table }, { ids: batch.ids }).y; // [N, d]
  const { count } = spec.streams;
  let residual: Residual<T> = {
    streams: count === 1 ? embedded : calls.expandStreams({ x: embedded }, { streams: count }).y, // [N, n * d]
  };
  for (const [layer, { engram, attention, feedForward }] of spec.blocks.entries()) {
    if (engram !== undefined) {
      const memory = yield rowsOf(batch, layer); // [N, m]
      residual = { ...residual, streams: addMemory(run, layer, engram, residual.streams, memory) };
    }
    residual = subLayer(run, layer, "attention", attention, residual);
    residual = subLayer(run, layer, "feedForward", feedForward, residual);
    batch.afterBlock?.(layer, lastStream(run, residual));
    batch.blockDone?.([residual.streams, ...(residual.pre === undefined ? [] : [residual.pre])], reports);
  }
  const x = lastStream(run, residual); // [N, d]
  const norm = parameter(run, "norm.weight");
  const head = spec.head === "tied" ? table : parameter(run, "head.weight");
  const { y: logits } = calls.logits({ x, norm, head }, { tokens: batch.outputs, epsilon: spec.normEpsilon });
  return { logits, reports };
}

/** What does not change during a run. */
interface Run<T> {
  readonly model: Model<T>;
  readonly calls: OperationCalls<T>;
  readonly batch: ForwardBatch<T>;
  readonly sequences: Sequences;
  readonly reports: Map<string, T>;
}

/** The residual between two sub-layers. */
interface Residual<T> {
  /** [N, n * d]. */
  readonly streams: T;
  /** [N, n]: what the sub-layer before said of the next collapse, with single-pass hyper-connections. */
  readonly pre?: T;
}

/** Engram: a gate per stream, the value times it, a short convolution over it; added to all streams. */
function addMemory<T>(run: Run<T>, layer: number, engram: EngramSpec, streams: T, memory: T): T {
  const { calls, batch, model, sequences } = run;
  const weight = (name: string) => parameter(run, `blocks.${layer}.engram.${name}`);
  const biased = engram.kind === "engram" && engram.bias;
  const weightOffset = engram.kind === "qwen-ple" ? 1 : 0; // norms scale by 1 + weight
  const count = model.spec.streams.count;
  const gated = calls.engramGate(
    {
      streams,
      memory,
      key: weight("key.weight"),
      value: weight("value.weight"),
      keyNorm: weight("keyNorm.weight"),
      queryNorm: weight("queryNorm.weight"),
      ...(biased && { keyBias: weight("key.bias"), valueBias: weight("value.bias") }),
    },
    {
      streams: count,
      epsilon: engram.normEpsilon,
      weightOffset,
      zeroScore: engram.kind === "deepseek-v4.1" ? "copied-sign" : "half",
      ...(batch.dead && { dead: batch.dead }),
    },
  );
  run.reports.set(`blocks.${layer}.engram.gates`, gated.gates);
  let update = gated.y; // [N, n * d]
  const convolution = engram.kind === "deepseek-v4.1" ? null : engram.convolution;
  if (convolution !== null) {
    const { dilation, normEpsilon: epsilon } = convolution;
    const caches = batch.caches?.(`blocks.${layer}.engram.convolution`, convolutionCache(convolution, run));
    update = calls.shortConvolution(
      { x: update, norm: weight("convolutionNorm.weight"), weight: weight("convolution.weight") },
      { streams: count, epsilon, weightOffset, dilation, sequences, ...(caches && { caches }) },
    ).y;
  }
  return calls.add({ a: streams, b: update }, {}).y;
}

/** An attention or a feed-forward, with its norm before it and the residual around it. */
function subLayer<T>(
  run: Run<T>,
  layer: number,
  slot: "attention" | "feedForward",
  spec: AttentionSpec | FeedForwardSpec,
  residual: Residual<T>,
): Residual<T> {
  const { calls, batch, model, sequences } = run;
  const part = `blocks.${layer}.${slot}`;
  const normed = (x: T) =>
    calls.rmsNorm({ x, weight: parameter(run, `${part}Norm.weight`) }, { epsilon: model.spec.normEpsilon }).y;
  const operation = (x: T) =>
    partOperation(
      spec.kind,
      model.operations,
    )({
      spec,
      model: model.spec,
      layer,
      calls,
      x: normed(x),
      sequences,
      parameter: (name) => parameter(run, `${part}.${name}`),
      caches: (name, shape) => batch.caches?.(`${part}.${name}`, shape),
      report: (name, tensor) => run.reports.set(`${part}.${name}`, tensor),
    });
  const { streams } = residual;
  const connections = model.spec.streams;
  if (connections.kind === "residual") {
    return { streams: calls.add({ a: streams, b: operation(streams) }, {}).y };
  }
  const count = connections.count;
  const { pre, post, mix } = calls.hyperCoefficients(
    {
      streams,
      projection: parameter(run, `${part}Streams.projection.weight`),
      bias: parameter(run, `${part}Streams.projection.bias`),
      scale: parameter(run, `${part}Streams.scale`),
    },
    hyperOptions(connections, model.spec.normEpsilon),
  );
  const x = collapse(run, streams, connections.kind === "mhc" ? pre : residual.pre);
  const y = operation(x); // [N, d]
  return { streams: calls.hyperMerge({ streams, x: y, post, mix }, { streams: count }).y, pre };
}

/** The streams weighed by coefficients; the first alone where single-pass hyper-connections have none yet. */
function collapse<T>({ model, calls }: Run<T>, streams: T, pre: T | undefined): T {
  const options = { streams: model.spec.streams.count };
  if (pre !== undefined) return calls.hyperCollapse({ streams, pre }, options).x;
  return calls.collapseStreams({ x: streams }, { ...options, take: "first" }).y;
}

/** The streams as the last norm takes them. */
function lastStream<T>(run: Run<T>, { streams, pre }: Residual<T>): T {
  const { kind, count } = run.model.spec.streams;
  if (kind === "mhc-single-pass") return collapse(run, streams, pre);
  return count === 1 ? streams : run.calls.collapseStreams({ x: streams }, { streams: count, take: "mean" }).y;
}

function hyperOptions(connections: HyperConnectionsSpec, normEpsilon: number) {
  const { kind, count, sinkhornIterations, epsilon } = connections;
  const start = kind === "mhc" ? "sums" : "softmax";
  return { streams: count, normEpsilon, iterations: sinkhornIterations, epsilon, start } as const;
}

function convolutionCache<T>({ kernel, dilation }: ConvolutionSpec, { model }: Run<T>) {
  const { streams, width } = model.spec;
  return { width: streams.count * width, window: (kernel - 1) * dilation };
}

function sequencesOf<T>({ cumulativeLengths, starts }: ForwardBatch<T>): Sequences {
  return { cumulativeLengths, starts: starts ?? new Uint32Array(cumulativeLengths.length - 1) };
}

function rowsOf<T>({ rows }: ForwardBatch<T>, layer: number): RowsNeeded {
  const found = rows.find((one) => one.layer === layer);
  if (found !== undefined) return found;
  throw new EngramError({
    code: "invalid-argument",
    operation: "forward",
    message: `the batch has no rows for block ${layer}; make them with rowsNeeded(model, tokens)`,
    context: { layer },
  });
}

function parameter<T>({ model }: Run<T>, name: string): T {
  const tensor = model.parameters.get(name);
  if (tensor !== undefined) return tensor;
  throw new EngramError({
    code: "invalid-argument",
    operation: "forward",
    message: `there is no parameter ${name}; the block's kind names those it has`,
    context: { name },
  });
}
