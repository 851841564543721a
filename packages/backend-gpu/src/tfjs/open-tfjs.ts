// Opens the engine: imports tfjs, readies a backend of it, and puts the operations, updates, uploads and books together.
// All calls but downloads are done, or queued on the device, when they return; tfjs has no other thread.

import { type Backend, EngramError, encodedRowBytes, type RowsToUpload } from "@engram-ts/core";
import type { EngineDevice } from "../engine-report.js";
import { refused } from "../operation-checks/checked-inputs.js";
import { guardAllocations } from "./device-limit.js";
import { submitQueue, trimBuffers, watchDevice } from "./gpu-buffers.js";
import { noCache } from "./guarded-operation.js";
import type { LoadedLibrary } from "./import-library.js";
import { loadLibrary } from "./load-library.js";
import { deviceLost, unloadWebgpu } from "./load-webgpu.js";
import { guardedOperations } from "./operations.js";
import { supplyRowCopies } from "./row-copies.js";
import { emptyCache } from "./sequence-cache.js";
import { checkValues, openBook, ours, type TensorBook } from "./tensor-book.js";
import { tensorUpdates } from "./tensor-updates.js";
import type { TfjsOptions } from "./tfjs-options.js";
import { TFJS_BACKENDS, type TfjsBackendName, type TfjsRuntime } from "./tfjs-runtime.js";
import type { TfjsTensor } from "./tfjs-tensor.js";

/** The tfjs engine, opened. */
export interface TfjsEngine extends Backend<TfjsTensor> {
  readonly name: "tfjs";
  readonly backend: TfjsBackendName;
  readonly device: EngineDevice;
  /** Of tfjs. */
  readonly version: string;
}

/** Backends of ours on the one WebGPU device. */
let onDevice = 0;

/**
 * Opens the tfjs engine on one of its backends, in float32 throughout.
 * @throws EngramError `missing-dependency` naming what to install, `unsupported` where the machine has no such device,
 * `invalid-argument` for options.
 * @example
 * const backend = await openTfjs({ backend: "wasm" });
 * const x = backend.upload(Float32Array.of(3, 4), [1, 2]);
 */
export async function openTfjs(options: TfjsOptions): Promise<TfjsEngine> {
  checkOptions(options);
  const loaded = await loadLibrary(options);
  const { tf, backendName } = loaded;
  const kernels = tf.engine().registry[backendName];
  if (kernels === undefined) throw refused("openTfjs", `tfjs has lost its backend ${backendName}; open it again`);
  guardAllocations(kernels);
  if (options.backend === "wasm") supplyRowCopies(tf);
  const book = openBook(tf, backendName);
  const runtime: TfjsRuntime = {
    tf,
    products: options.backend === "wasm" ? "plain" : "direct",
    readsAtOnce: options.backend !== "webgpu",
    workBytes: options.workBytes ?? (options.backend === "wasm" || options.backend === "cpu" ? 64 : 256) * 2 ** 20,
  };
  const { device } = kernels;
  if (device !== undefined) onDevice++;
  const unwatch =
    device &&
    watchDevice(device, (kind, message) => {
      book.end((operation) => (kind === "lost" ? deviceLost(operation, message) : deviceFailed(operation, message)));
    });

  return {
    name: "tfjs",
    backend: options.backend,
    device: deviceOf(options.backend, loaded),
    version: tf.version_core ?? "",
    decodes: new Set(["f32"]),
    operations: guardedOperations(runtime, book),
    updates: tensorUpdates(runtime, book),
    upload: (values, shape) => upload(runtime, book, "upload", values, shape),
    uploadRows: (rows, shape) => upload(runtime, book, "uploadRows", rowValues(book, rows), shape),
    async download(tensor, { signal } = {}) {
      const copy = book.run("download", () => tf.keep(tf.clone(book.array("download", "the tensor", tensor))));
      try {
        if (signal?.aborted) throw aborted(signal);
        const values = Float32Array.from(await unlessOver(copy.data(), book, signal));
        if (book.failure !== undefined) throw book.failure("download");
        return values;
      } finally {
        copy.dispose();
        trimBuffers(kernels);
      }
    },
    shape: ({ shape }) => shape,
    createCache: (shape) => book.run("createCache", () => book.bornCache(emptyCache(shape))),
    copyCache(cache) {
      return book.run("copyCache", () => {
        const { cache: from } = book.held("copyCache", "the cache", cache);
        if (from === undefined) throw noCache("copyCache");
        const parts = from.tokens.parts.map((part) => tf.keep(tf.clone(part)));
        return book.bornCache({ shape: from.shape, tokens: { ...from.tokens, parts } });
      });
    },
    submit: () => book.run("submit", () => submitQueue(kernels)),
    dispose: (tensors) => book.dispose(tensors),
    memory: () => book.memory(),
    async close() {
      if (book.closed) return;
      unwatch?.();
      book.close();
      if (device !== undefined && --onDevice === 0) unloadWebgpu(tf);
    },
  };
}

function upload(
  { tf }: TfjsRuntime,
  book: TensorBook,
  operation: string,
  values: Float32Array | Float64Array,
  shape: readonly number[],
): TfjsTensor {
  return book.run(operation, () => {
    checkValues(operation, values.length, shape);
    return book.born(tf.tensor(Float32Array.from(values), shape, "float32"));
  });
}

/** Rows as values. Encoded ones in float32 are values already, on any boundary of bytes. */
function rowValues(book: TensorBook, rows: RowsToUpload): Float32Array {
  if ("values" in rows) return rows.values;
  book.run("uploadRows", () => undefined); // open
  const { encoded, encoding } = rows;
  if (encoding.kind !== "f32") {
    throw new EngramError({
      code: "unsupported",
      operation: "uploadRows",
      message: `rows in ${encoding.kind}; tfjs has no such type: decode them (ticket.decode) and give their values`,
    });
  }
  if (encoded.length % encodedRowBytes(encoding) !== 0) {
    throw refused("uploadRows", `${encoded.length} bytes, expected whole rows of ${encodedRowBytes(encoding)}`);
  }
  return new Float32Array(encoded.slice().buffer);
}

/** What is read, unless the signal is aborted or the backend ends meanwhile: a device that failed may never answer. */
function unlessOver<R>(work: Promise<R>, book: TensorBook, signal: AbortSignal | undefined): Promise<R> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      if (signal?.aborted) reject(aborted(signal));
      else reject(book.failure?.("download") ?? refused("download", "the backend was closed meanwhile"));
    };
    signal?.addEventListener("abort", stop, { once: true });
    const forget = book.whenOver(stop);
    const over = (): void => {
      signal?.removeEventListener("abort", stop);
      forget();
    };
    work.then(resolve, (error) => reject(ours("download", error))).finally(over);
  });
}

function aborted(signal: AbortSignal): EngramError {
  return new EngramError({
    code: "aborted",
    operation: "download",
    message: "its signal was aborted; the tensor is as it was",
    cause: signal.reason,
  });
}

function deviceFailed(operation: string, message: string): EngramError {
  return new EngramError({
    code: /out of memory|OOM/i.test(message) ? "out-of-memory" : "io",
    operation,
    message: `the GPU device reported an error (${message}), and what it computed since cannot be trusted: close this backend and open it again`,
  });
}

function deviceOf(backend: TfjsBackendName, { packageName, description, software }: LoadedLibrary): EngineDevice {
  let kind: EngineDevice["kind"] = "cpu";
  if (backend === "webgpu") kind = software ? "software" : "gpu";
  if (packageName.endsWith("tfjs-node-gpu")) kind = "gpu";
  return { name: backend, kind, library: packageName, ...(description && { description }) };
}

function checkOptions({ backend, workBytes }: TfjsOptions): void {
  if (!TFJS_BACKENDS.includes(backend)) {
    throw refused("openTfjs", `backend is ${String(backend)}; use one of ${TFJS_BACKENDS.join(", ")}`);
  }
  if (workBytes !== undefined && !(Number.isSafeInteger(workBytes) && workBytes > 0)) {
    throw refused("openTfjs", `workBytes is ${String(workBytes)}; use a number of bytes above 0`);
  }
}
