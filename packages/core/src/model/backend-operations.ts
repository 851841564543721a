// The operations of a backend: names, inputs, options, outputs, with their shapes. Types only; the formulae are in
// reference/operations, one file each. N packed tokens, d width, n residual streams, V vocabulary; weights of linear maps
// are [outputs, inputs], as PyTorch stores them.
// `inputs` must be given, `optional` may be, both are tensors; `options` are plain data. Gradients exist for the inputs
// that do not stand in `constants`, and for the outputs that do not.

/** Which tokens of a packed batch belong together, and what came before them. */
export interface Sequences {
  /** `[S + 1]`: sequence s is the tokens from entry s to before entry s + 1; the first is 0, the last N. */
  readonly cumulativeLengths: Uint32Array;
  /** `[S]`: tokens of each sequence in its caches already; position of its first token here. */
  readonly starts: Uint32Array;
}

/** Rotary positions: pair i of a head's rotated part turns by `position * frequencies[i]`. */
export interface Rotary {
  /** Radians per token, one a pair. */
  readonly frequencies: Float64Array;
  /** Factor on the rotated parts, 1 without YaRN. */
  readonly amplitude: number;
  /** Pairs are neighbours (2i, 2i + 1), or halves (i, i + pairs). */
  readonly pairs: "interleaved" | "halves";
}

interface WithSequences<T> {
  readonly sequences: Sequences;
  /** One a sequence, in their order; the tokens are appended. Without caches every sequence starts at 0. No gradients with them. */
  readonly caches?: readonly T[];
}

/** Grouped-query attention. */
export interface GqaOptions<T> extends WithSequences<T> {
  readonly heads: number;
  readonly keyValueHeads: number;
  /** Values of one head. */
  readonly headWidth: number;
  /** Its pairs are the first of each head: fewer than headWidth / 2 leave the rest unturned. */
  readonly rotary: Rotary;
  /** Factor on the scores, 1 / sqrt(headWidth) as a rule. */
  readonly scale: number;
  /** Epsilon of the norms of queries and keys. */
  readonly epsilon: number;
}

/** Multi-head latent attention. */
export interface MlaOptions<T> extends WithSequences<T> {
  readonly heads: number;
  /** Values of a head's key without a position. */
  readonly contentWidth: number;
  /** Values of the key that carries the position, shared by the heads. */
  readonly rotaryWidth: number;
  /** Values of a head's value. */
  readonly valueWidth: number;
  readonly rotary: Rotary;
  readonly scale: number;
  /** Epsilon of the norms of the latents. */
  readonly epsilon: number;
}

/** Router of a mixture of experts. */
export interface MoeOptions {
  /** Experts of a token. */
  readonly topK: number;
  /** What makes affinities of the router's products. */
  readonly scoring: "sigmoid" | "softmax";
  /** Factor on the weights. */
  readonly routeScale: number;
  /** Weights of a token sum to `routeScale`. */
  readonly normalise: boolean;
  /** Experts in equal groups, of which a token uses only the best `groupsKept`; 1 and 1 without. */
  readonly groups: number;
  readonly groupsKept: number;
}

/** Gate and value of an Engram module. */
export interface EngramGateOptions {
  readonly streams: number;
  readonly epsilon: number;
  /** Norms multiply by `weightOffset + weight`: 0, or 1 for Qwen's PLE. */
  readonly weightOffset: 0 | 1;
  /** Sign of a score that is exactly 0: none (the paper), or that of the zero (DeepSeek-V4.1). */
  readonly zeroScore: "half" | "copied-sign";
  /** `[N]`, 1 where a token takes nothing from memory. */
  readonly dead?: Uint8Array;
}

/** The short convolution of an Engram module. */
export interface ShortConvolutionOptions<T> extends WithSequences<T> {
  readonly streams: number;
  readonly epsilon: number;
  readonly weightOffset: 0 | 1;
  /** Tokens between two taps. */
  readonly dilation: number;
}

/** Coefficients of manifold-constrained hyper-connections. */
export interface HyperOptions {
  readonly streams: number;
  /** Epsilon of the norm over all streams. */
  readonly normEpsilon: number;
  /** Normalisations of the rows, and of the columns, of `mix`. */
  readonly iterations: number;
  /** Added in the denominators of Sinkhorn. */
  readonly epsilon: number;
  /**
   * What the first normalisation of rows is: by their sums like all others (arXiv 2512.24880), or a softmax to which
   * `epsilon` is added, as it is to `pre` (DeepSeek-V4 and V4.1).
   */
  readonly start: "sums" | "softmax";
}

interface None {
  readonly inputs: string;
  readonly optional: never;
  readonly constants: never;
}

/** Every operation. `T` is the handle. */
export interface OperationTable<T> {
  /**
   * table [V, d], ids [N * idsPerToken], 1 where it is left out -> y [N, idsPerToken * d]: rows side by side. Its gradients
   * are rows, so it has no backward twin of its own: the gradient of y.
   */
  embed: None & {
    inputs: "table";
    options: { readonly ids: Uint32Array; readonly idsPerToken?: number };
    outputs: "y";
  };
  /** a + b, equal shapes. */
  add: None & { inputs: "a" | "b"; options: object; outputs: "y" };
  /** x [N, i], weight [o, i], bias [o] -> y [N, o]. */
  linear: { inputs: "x" | "weight"; optional: "bias"; constants: never; options: object; outputs: "y" };
  /** x [N, groups * d], weight [groups * d] -> y: each group normalised by itself. */
  rmsNorm: None & {
    inputs: "x" | "weight";
    options: { readonly epsilon: number; readonly groups?: number; readonly weightOffset?: 0 | 1 };
    outputs: "y";
  };
  /** SwiGLU: x [N, d], gate and up [w, d], down [d, w] -> y [N, d]. */
  feedForward: None & { inputs: "x" | "gate" | "up" | "down"; options: object; outputs: "y" };
  /**
   * x [N, d], query [heads * w, d], key and value [keyValueHeads * w, d], output [d, heads * w];
   * queryNorm and keyNorm [w] -> y [N, d]. Cache: keys, then values.
   */
  gqa: {
    inputs: "x" | "query" | "key" | "value" | "output";
    optional: "queryNorm" | "keyNorm";
    constants: never;
    options: GqaOptions<T>;
    outputs: "y";
  };
  /**
   * x [N, d], keyValueDown [rank + rotary, d], keyValueNorm [rank], keyValueUp [heads * (content + value), rank],
   * output [d, heads * value]; queryUp [heads * (content + rotary), queryRank], where the query's latent is
   * queryNorm [queryRank] of queryDown [queryRank, d]; without those two it is x itself. Cache: latent, then rotated key.
   */
  mla: {
    inputs: "x" | "queryUp" | "keyValueDown" | "keyValueNorm" | "keyValueUp" | "output";
    optional: "queryDown" | "queryNorm";
    constants: never;
    options: MlaOptions<T>;
    outputs: "y";
  };
  /**
   * x [N, d], router [E, d], routerBias [E] (only for the choice), gate and up [E, w, d], down [E, d, w];
   * sharedGate and sharedUp [ws, d], sharedDown [d, ws] -> y [N, d], experts [N, topK], weights [N, topK], load [E].
   */
  moe: {
    inputs: "x" | "router" | "gate" | "up" | "down";
    optional: "routerBias" | "sharedGate" | "sharedUp" | "sharedDown";
    constants: "routerBias" | "experts" | "weights" | "load";
    options: MoeOptions;
    outputs: "y" | "experts" | "weights" | "load";
  };
  /**
   * streams [N, n * d], memory [N, m], value [d, m], key [n * d, m], keyNorm and queryNorm [n * d], valueBias [d],
   * keyBias [n * d] -> y [N, n * d], gate times value; gates [N, n].
   */
  engramGate: {
    inputs: "streams" | "memory" | "value" | "key" | "keyNorm" | "queryNorm";
    optional: "valueBias" | "keyBias";
    constants: "gates";
    options: EngramGateOptions;
    outputs: "y" | "gates";
  };
  /** x [N, n * d], norm [n * d], weight [n * d, kernel] -> y = x + silu(conv(norm(x))). Cache: normed inputs. */
  shortConvolution: None & { inputs: "x" | "norm" | "weight"; options: ShortConvolutionOptions<T>; outputs: "y" };
  /** x [N, d] -> y [N, n * d], each stream a copy. */
  expandStreams: None & { inputs: "x"; options: { readonly streams: number }; outputs: "y" };
  /** x [N, n * d] -> y [N, d], the mean of the streams, or the first of them. */
  collapseStreams: None & {
    inputs: "x";
    options: { readonly streams: number; readonly take: "mean" | "first" };
    outputs: "y";
  };
  /**
   * streams [N, n * d], projection [(2 + n) * n, n * d], bias [(2 + n) * n], scale [3] (each: pre, post, mix)
   * -> pre [N, n], post [N, n], mix [N, n * n] (from stream, to stream).
   */
  hyperCoefficients: None & {
    inputs: "streams" | "projection" | "bias" | "scale";
    options: HyperOptions;
    outputs: "pre" | "post" | "mix";
  };
  /** streams [N, n * d], pre [N, n] -> x [N, d] = sum_j pre_j streams_j. */
  hyperCollapse: None & { inputs: "streams" | "pre"; options: { readonly streams: number }; outputs: "x" };
  /** streams [N, n * d], x [N, d], post [N, n], mix [N, n * n] -> y [N, n * d]: y_k = post_k x + sum_j mix_jk streams_j. */
  hyperMerge: None & { inputs: "streams" | "x" | "post" | "mix"; options: { readonly streams: number }; outputs: "y" };
  /** The rows of x [N, d] named in `tokens`, normed by norm [d], times head [V, d] -> y [tokens, V]. */
  logits: None & {
    inputs: "x" | "norm" | "head";
    options: { readonly tokens: Uint32Array; readonly epsilon: number };
    outputs: "y";
  };
  /** logits [N, V], targets [N] (negative: not counted) -> loss [1], the mean over those counted; 0 where there are none. */
  crossEntropy: None & { inputs: "logits"; options: { readonly targets: Int32Array }; outputs: "loss" };
}

/** Names of the operations. */
export type OperationName = keyof OperationTable<unknown>;

/** Tensors that go in. */
export type OperationInputs<T, N extends OperationName> = {
  readonly [name in OperationTable<T>[N]["inputs"]]: T;
} & { readonly [name in OperationTable<T>[N]["optional"]]?: T | undefined };

/** Tensors that come out. */
export type OperationOutputs<T, N extends OperationName> = {
  readonly [name in OperationTable<T>[N]["outputs"]]: T;
};

/** What an operation needs to know besides. */
export type OperationOptions<T, N extends OperationName> = OperationTable<T>[N]["options"];

/** One operation of an engine. */
export interface BackendOperation<T, N extends OperationName> {
  /** @throws EngramError `invalid-argument`, naming operation, input and shapes, where they do not fit; nothing is run then. */
  forward(inputs: OperationInputs<T, N>, options: OperationOptions<T, N>): OperationOutputs<T, N> & SavedTensors<T>;
  /**
   * Gradients of the inputs named in `wanted`, given those of the outputs; an output without one counts as unused. All
   * are fresh. Inputs that have no gradient are left out.
   * @throws EngramError `unsupported` for a call that had caches.
   */
  backward(
    call: OperationCall<T, N>,
    gradients: Partial<OperationOutputs<T, N>>,
    wanted: ReadonlySet<string>,
  ): Partial<OperationInputs<T, N>>;
}

/** A forward call, as its backward twin gets it. */
export interface OperationCall<T, N extends OperationName> {
  readonly inputs: OperationInputs<T, N>;
  readonly options: OperationOptions<T, N>;
  readonly outputs: OperationOutputs<T, N> & SavedTensors<T>;
}

/** What an engine wants kept for the backward twin, besides inputs and outputs. */
export interface SavedTensors<T> {
  readonly saved?: readonly T[];
}

/** All operations of an engine. */
export type BackendOperations<T> = { readonly [N in OperationName]: BackendOperation<T, N> };

/** The operations as `forward` and block kinds call them: on a scope or a tape, which keep track of what comes out. */
export type OperationCalls<T> = {
  readonly [N in OperationName]: (
    inputs: OperationInputs<T, N>,
    options: OperationOptions<T, N>,
  ) => OperationOutputs<T, N>;
};
