// The exact engine: every operation on float64 arrays, one loop after the other. Every other engine is tested against it,
// and it against finite differences and implementations that are not ours. Slow on purpose; small models run on it.

import { EngramError } from "../errors.js";
import type { Backend } from "../model/backend.js";
import type { BackendOperation, BackendOperations, OperationName } from "../model/backend-operations.js";
import { decodeRows } from "../rows/decode.js";
import { encodedRowBytes, ROW_ENCODING_KINDS } from "../rows/encoding.js";
import { copyCache, createCache, isCache } from "./cache.js";
import { add } from "./operations/add.js";
import { collapseStreams } from "./operations/collapse-streams.js";
import { crossEntropy } from "./operations/cross-entropy.js";
import { embed } from "./operations/embed.js";
import { engramGate } from "./operations/engram-gate.js";
import { expandStreams } from "./operations/expand-streams.js";
import { feedForward } from "./operations/feed-forward.js";
import { gqa } from "./operations/gqa.js";
import { hyperCoefficients } from "./operations/hyper-coefficients.js";
import { hyperCollapse } from "./operations/hyper-collapse.js";
import { hyperMerge } from "./operations/hyper-merge.js";
import { linear } from "./operations/linear.js";
import { logits } from "./operations/logits.js";
import { mla } from "./operations/mla.js";
import { moe } from "./operations/moe.js";
import { rmsNorm } from "./operations/rms-norm.js";
import { shortConvolution } from "./operations/short-convolution.js";
import { elements, type ReferenceTensor } from "./tensor.js";
import { referenceUpdates } from "./updates/reference-updates.js";

const OPERATIONS: BackendOperations<ReferenceTensor> = {
  embed,
  add,
  linear,
  rmsNorm,
  feedForward,
  gqa,
  mla,
  moe,
  engramGate,
  shortConvolution,
  expandStreams,
  collapseStreams,
  hyperCoefficients,
  hyperCollapse,
  hyperMerge,
  logits,
  crossEntropy,
};

/**
 * The exact engine, in float64. Its tensors are `{ shape, values }`, and may be read where they lie.
 * @example
 * const backend = referenceBackend();
 * const x = backend.upload(Float32Array.of(3, 4), [1, 2]);
 * const { y } = backend.operations.rmsNorm.forward({ x, weight: backend.upload(Float32Array.of(1, 1), [2]) }, { epsilon: 0 });
 */
export function referenceBackend(): Backend<ReferenceTensor> {
  const alive = new Set<ReferenceTensor>();
  let closed = false;
  const checkOpen = (operation: string): void => {
    if (closed) throw refused(operation, "the backend is closed; open another one");
  };
  const born = <T extends ReferenceTensor>(tensor: T): T => {
    alive.add(tensor);
    return tensor;
  };
  const checkAlive = (operation: string, name: string, tensor: unknown): void => {
    if (alive.has(tensor as ReferenceTensor)) return; // a Set takes any key
    throw refused(
      operation,
      `${name} is disposed of, or is of another backend; dispose of tensors after their last use`,
    );
  };

  const guarded = <N extends OperationName>(name: N): BackendOperation<ReferenceTensor, N> => {
    const operation: BackendOperation<ReferenceTensor, N> = OPERATIONS[name];
    return {
      forward(inputs, options) {
        checkOpen(name);
        for (const [input, tensor] of Object.entries(inputs)) {
          if (tensor !== undefined) checkAlive(name, input, tensor);
        }
        const outputs = operation.forward(inputs, options);
        for (const tensor of Object.values<ReferenceTensor>(outputs)) born(tensor);
        return outputs;
      },
      backward(call, gradients, wanted) {
        checkOpen(name);
        const all = operation.backward(call, gradients, wanted);
        const kept = Object.entries(all as Readonly<Record<string, ReferenceTensor>>).filter(([name]) =>
          wanted.has(name),
        );
        for (const [, tensor] of kept) born(tensor);
        return Object.fromEntries(kept) as typeof all; // some of the same entries
      },
    };
  };

  return {
    name: "reference",
    decodes: new Set(ROW_ENCODING_KINDS),
    operations: {
      embed: guarded("embed"),
      add: guarded("add"),
      linear: guarded("linear"),
      rmsNorm: guarded("rmsNorm"),
      feedForward: guarded("feedForward"),
      gqa: guarded("gqa"),
      mla: guarded("mla"),
      moe: guarded("moe"),
      engramGate: guarded("engramGate"),
      shortConvolution: guarded("shortConvolution"),
      expandStreams: guarded("expandStreams"),
      collapseStreams: guarded("collapseStreams"),
      hyperCoefficients: guarded("hyperCoefficients"),
      hyperCollapse: guarded("hyperCollapse"),
      hyperMerge: guarded("hyperMerge"),
      logits: guarded("logits"),
      crossEntropy: guarded("crossEntropy"),
    },
    updates: referenceUpdates({
      check(operation, inputs) {
        checkOpen(operation);
        for (const [name, tensor] of Object.entries(inputs)) {
          if (tensor !== undefined) checkAlive(operation, name, tensor);
        }
      },
      born,
    }),
    upload(values, shape) {
      checkOpen("upload");
      checkLength("upload", values.length, shape);
      return born({ shape: [...shape], values: Float64Array.from(values) });
    },
    uploadRows(rows, shape) {
      checkOpen("uploadRows");
      if ("values" in rows) {
        checkLength("uploadRows", rows.values.length, shape);
        return born({ shape: [...shape], values: Float64Array.from(rows.values) });
      }
      const { encoding, encoded } = rows;
      checkLength("uploadRows", (encoded.length / encodedRowBytes(encoding)) * encoding.width, shape);
      const decoded = new Float32Array(elements(shape));
      decodeRows(encoding, encoded, decoded);
      return born({ shape: [...shape], values: Float64Array.from(decoded) });
    },
    async download(tensor, { signal } = {}) {
      checkOpen("download");
      checkAlive("download", "the tensor", tensor);
      if (signal?.aborted) {
        const message = "the download was aborted; the tensor is as it was";
        throw new EngramError({ code: "aborted", operation: "download", message, cause: signal.reason });
      }
      return Float32Array.from(tensor.values);
    },
    shape: (tensor) => tensor.shape,
    createCache(shape) {
      checkOpen("createCache");
      return born(createCache(shape));
    },
    copyCache(cache) {
      checkOpen("copyCache");
      checkAlive("copyCache", "the cache", cache);
      if (!isCache(cache)) throw refused("copyCache", "it is a tensor; use what createCache gave");
      return born(copyCache(cache));
    },
    submit: () => checkOpen("submit"),
    dispose(tensors) {
      for (const tensor of tensors) alive.delete(tensor);
    },
    memory() {
      let bytes = 0;
      for (const { values } of alive) bytes += values.byteLength;
      return { tensors: alive.size, bytes };
    },
    async close() {
      closed = true;
      alive.clear();
    },
  };
}

function checkLength(operation: string, length: number, shape: readonly number[]): void {
  if (length === elements(shape)) return;
  throw refused(operation, `${length} values for the shape [${shape.join(", ")}], which takes ${elements(shape)}`);
}

function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
