// What an engine implements: tensors behind opaque handles, and operations of the field's own size, each with a backward
// twin. Types only; backend-operations.ts lists the operations. `forward` is written over this, the reference implements
// it exactly, engines implement it fast.
//
// Order. Calls take effect in the order they are made. An operation never reads back: it may queue its work, or record it
// into a graph, until `download` or `submit`. Shapes are known when an operation is called.
// Ownership. What a call gives belongs to the caller until `dispose`. Operations change no input, but for the caches that
// they are given. scope.ts and tape.ts keep the books; an engine needs none.

import type { RowEncoding } from "../rows/encoding.js";
import type { BackendOperations } from "./backend-operations.js";
import type { BackendUpdates } from "./backend-updates.js";

/** Decoded or encoded rows on their way to an engine, `[rows, rowWidth]`. */
export type RowsToUpload =
  | { readonly values: Float32Array }
  | { readonly encoded: Uint8Array; readonly encoding: RowEncoding };

/** What one sequence keeps of its tokens for one operation: keys and values, latents, inputs of a convolution. */
export interface CacheShape {
  /** Values of a token. */
  readonly width: number;
  /** Tokens that the sequence may grow to; engines may allocate them at once or as they come. */
  readonly capacity: number;
  /** Where only the latest tokens are ever read: how many, at least. All are kept where this is left out. */
  readonly window?: number;
}

/**
 * What an uploaded tensor is for. A `parameter` stays for many runs; a `matrix` is a parameter `[..., outputs, inputs]` that
 * is only multiplied with, or whose rows are looked up: an engine may keep it in the type that it was opened with, such as
 * f16 or q8_0. All others are for a run or two.
 */
export type UploadUse = "parameter" | "matrix";

/** Options of {@link Backend.download}. */
export interface DownloadOptions {
  /** Ends the waiting, and the work where the engine can end it. */
  readonly signal?: AbortSignal;
}

/** What is alive on an engine, for leak tests and budgets. Caches and uploads included. */
export interface BackendMemory {
  readonly tensors: number;
  readonly bytes: number;
}

/**
 * An engine. `T` is its tensor handle, opaque to all others. Activations are matrices `[N, width]` of N packed tokens;
 * residual streams lie side by side in a token, stream after stream.
 */
export interface Backend<T> {
  /** Such as `reference`, `ggml`, `tfjs`. */
  readonly name: string;
  readonly operations: BackendOperations<T>;
  /** Changes of parameters in place, to train. */
  readonly updates: BackendUpdates<T>;
  /** Encodings of rows that `uploadRows` takes as they are; others are given as values. */
  readonly decodes: ReadonlySet<RowEncoding["kind"]>;
  /**
   * A tensor with these values, row-major; they are copied before the call returns.
   * @throws EngramError `invalid-argument` where the shape does not take them.
   */
  upload(values: Float32Array | Float64Array, shape: readonly number[], use?: UploadUse): T;
  /**
   * Rows as a tensor `[tokens, rowsPerToken * rowWidth]`; copied before the call returns. Encoded ones are decoded by the
   * engine, on its device where it can.
   * @throws EngramError `invalid-argument` where the shape does not take them, `unsupported` for encodings that are not in
   * `decodes`.
   */
  uploadRows(rows: RowsToUpload, shape: readonly [tokens: number, width: number]): T;
  /**
   * The values of a tensor, row-major, after all work that it depends on. The only way back.
   * @throws EngramError `aborted` by the signal; the tensor and the backend stay usable.
   */
  download(tensor: T, options?: DownloadOptions): Promise<Float32Array>;
  /** Sides of a tensor; no work is waited for. */
  shape(tensor: T): readonly number[];
  /** An empty cache of one sequence, to be given to operations, and freed by `dispose`. */
  createCache(shape: CacheShape): T;
  /** A cache of its own with the same content. */
  copyCache(cache: T): T;
  /** Starts what is queued, without waiting: called where a model is about to wait for rows. */
  submit(): void;
  /** Frees tensors. Work that is queued and needs them still runs right. Disposing of one twice does nothing. */
  dispose(tensors: Iterable<T>): void;
  memory(): BackendMemory;
  /** Frees everything; later calls throw. Closing twice does nothing. */
  close(): Promise<void>;
}
