// The backend of core's interface on one device of ggml: handles over a runtime, which runs what is wanted as one graph.

import { type Backend, type BackendMemory, EngramError, encodedRowBytes, type RowEncoding } from "@engram-ts/core";
import { type GgmlDevice, isSoftware } from "./devices.js";
import { engineOperations } from "./engine-operations.js";
import { engineUpdates } from "./engine-updates.js";
import type { Pointer } from "./library/bindings.js";
import type { Library } from "./library/load-library.js";
import type { NativeKernels } from "./library/native-kernels.js";
import type { ThreadPool } from "./library/thread-pool.js";
import { rowBytes, type WeightType } from "./library/types.js";
import { GgmlNode } from "./nodes/node.js";
import { cast, hostLeaf, pack, reshape } from "./nodes/shape.js";

import type { EngineContext } from "./operations/operation.js";
import { type CacheSlot, cacheSlabs } from "./runtime/cache-slabs.js";
import { constantLeaves } from "./runtime/constant-leaves.js";
import { derivedNodes } from "./runtime/derived-nodes.js";
import { GgmlRuntime, type RuntimeFigures } from "./runtime/runtime.js";
import type { GgmlTensor, TensorFacts } from "./tensor.js";
import { encodeWeights, weightTypeFor } from "./weights.js";

/** The engine ggml, open. */
export interface GgmlBackend extends Backend<GgmlTensor> {
  readonly device: GgmlDevice;
  /** Version of ggml. */
  readonly version: string;
  /** Folder that the library was loaded from. */
  readonly library: string;
  readonly threads: number;
  readonly weights: WeightType;
  /** What ran so far. */
  figures(): RuntimeFigures;
}

/** What a backend is made of. */
export interface BackendParts {
  readonly library: Library;
  readonly device: GgmlDevice;
  readonly pointer: Pointer;
  readonly backend: Pointer;
  readonly threads: number;
  readonly weights: WeightType;
  readonly cache: "f32" | "f16";
  readonly exact: boolean;
  readonly kernels: NativeKernels | undefined;
  readonly pool: ThreadPool | undefined;
  /** Most bytes of tensors and graphs. */
  readonly mostBytes: number;
}

/** The backend. */
export function ggmlBackend(parts: BackendParts): GgmlBackend {
  const { library, device, pointer, backend, threads, weights, exact } = parts;
  const bufferType: Pointer = library.bindings.ggml_backend_dev_buffer_type(pointer);
  const runtime = new GgmlRuntime({
    library,
    pointer,
    backend,
    bufferType,
    name: device.name,
    exact,
    kernels: parts.kernels,
    aligned: device.kind !== "cpu",
    mostBytes: parts.mostBytes,
    keeps: isSoftware(device), // Mesa 22.3's llvmpipe reads descriptors of memory that was given back, and crashes
  });
  const slabs = cacheSlabs(runtime, parts.cache, device.kind);
  const constants = constantLeaves(runtime);
  const derived = derivedNodes(runtime);
  const alive = new Set<TensorFacts>();
  let bytes = 0;
  let closed: Promise<void> | undefined;

  const checkOpen = (operation: string): void => {
    if (closed !== undefined) throw refused(operation, "the backend is closed; open another one");
  };
  const facts = (operation: string, name: string, tensor: GgmlTensor): TensorFacts => {
    const found = tensor as TensorFacts; // all handles are made below
    if (alive.has(found)) return found;
    throw refused(
      operation,
      `${name} is disposed of, or is of another backend; dispose of tensors after their last use`,
    );
  };
  const born = (node: GgmlNode, shape: readonly number[], cache?: CacheSlot): TensorFacts => {
    const shown = cache === undefined ? plainView(node) : node;
    const tensor: TensorFacts = { node: shown, shape, alive: true, ...(cache && { cache }) };
    if (cache === undefined) runtime.hold(shown);
    alive.add(tensor);
    bytes += bytesOf(tensor);
    return tensor;
  };
  const show = (tensor: TensorFacts, node: GgmlNode): void => {
    runtime.hold(node);
    runtime.release(tensor.node);
    tensor.node = node;
  };
  /** Memory of its own, that no other handle shows: another's values must not change with it. */
  const alone = ({ node }: TensorFacts): boolean => runtime.owns(node) && node.root.handles === 1;
  const engine: EngineContext = {
    constant: (values) => constants.get(values),
    derived: (weight, name, make) => derived.of(weight, name, make),
    effect: (node) => runtime.effect(node),
    halves: device.kind !== "cpu" && !exact,
    hostSeesResults: device.kind === "cpu",
    kernels: parts.kernels !== undefined,
  };
  const placed = (values: Float32Array, shape: readonly number[], type: WeightType): GgmlNode => {
    const sides = shape.toReversed();
    const width = sides[0] ?? 1;
    const node = new GgmlNode(type, [width, sides[1] ?? 1, sides[2] ?? 1, sides[3] ?? 1], { operation: "leaf" });
    return runtime.place(node, encodeWeights(library, type, values, width), `a tensor of shape [${shape.join(", ")}]`);
  };
  const host = { engine, facts, born, checkOpen };
  const writable = (tensor: TensorFacts): GgmlNode => {
    derived.drop(tensor.node);
    if (!alone(tensor)) {
      const { root } = tensor.node;
      const own = new GgmlNode("f32", tensor.node.sides, { operation: "leaf" });
      runtime.place(
        own,
        root.operation === "leaf" && root.place === undefined ? root.host : undefined,
        "an updated tensor",
      );
      if (root.operation !== "leaf" || root.place !== undefined) runtime.copyNode(tensor.node, own);
      show(tensor, own);
    }
    return tensor.node;
  };

  return {
    name: "ggml",
    device,
    version: library.version,
    library: library.from.folder,
    threads,
    weights,
    decodes: new Set(["f32", "f16", "bf16"]),
    figures: () => runtime.figures(),
    operations: engineOperations(host),
    updates: engineUpdates({
      ...host,
      zeros(values) {
        const node = new GgmlNode("f32", [values, 1, 1, 1], { operation: "leaf" });
        node.handles = 1; // stays as long as the runtime
        return runtime.place(node, undefined, "gradients side by side");
      },
      writable,
      writableHere: (tensor) =>
        tensor.node.root.handles === 1 && runtime.awaits(tensor.node) ? tensor.node : writable(tensor),
      write(tensor, values) {
        derived.drop(tensor.node);
        if (alone(tensor)) {
          runtime.flush(); // what was asked for before reads the old values
          const width = tensor.node.sides[0];
          const { type } = tensor.node;
          runtime.write(
            tensor.node,
            type === "f32" ? values : encodeWeights(library, type as WeightType, values, width),
          ); // only weights are placed in other types
          return;
        }
        show(tensor, hostLeaf("f32", tensor.node.sides, values));
      },
    }),
    upload(values, shape, use) {
      checkOpen("upload");
      checkSides("upload", values.length, shape);
      const copy = values instanceof Float32Array ? values.slice() : Float32Array.from(values);
      const sides = shape.toReversed();
      if (use === undefined) return born(hostLeaf("f32", sides, copy), shape);
      const type = use === "matrix" && shape.length > 1 ? weightTypeFor(weights, sides[0] ?? 1) : "f32";
      return born(placed(copy, shape, type), shape);
    },
    uploadRows(rows, shape) {
      checkOpen("uploadRows");
      const [tokens, width] = shape;
      if ("values" in rows) {
        checkSides("uploadRows", rows.values.length, shape);
        return born(hostLeaf("f32", [width, tokens], rows.values.slice()), shape);
      }
      return born(encodedRows(rows.encoded, rows.encoding, shape), shape);
    },
    async download(tensor, { signal } = {}) {
      checkOpen("download");
      const found = facts("download", "the tensor", tensor);
      if (found.cache !== undefined) throw refused("download", "a cache has no values to bring back");
      checkAborted(signal);
      const node = found.node.type === "f32" ? found.node : cast(found.node, "f32");
      runtime.hold(node);
      const reading = runtime.read(node).finally(() => runtime.release(node));
      return signal === undefined ? reading : raced(reading, signal);
    },
    shape: (tensor) => facts("shape", "the tensor", tensor).shape,
    createCache(shape) {
      checkOpen("createCache");
      const slot = slabs.create(shape);
      return born(slot.slab.node, [shape.capacity, shape.width], slot);
    },
    copyCache(cache) {
      checkOpen("copyCache");
      const { cache: slot } = facts("copyCache", "the cache", cache);
      if (slot === undefined) throw refused("copyCache", "the tensor is no cache; give one that createCache made");
      const copy = slabs.copy(slot);
      return born(copy.slab.node, cache.shape, copy);
    },
    submit() {
      checkOpen("submit");
      runtime.flush();
    },
    dispose(tensors) {
      for (const tensor of tensors) {
        const found = tensor as TensorFacts; // all handles are made above
        if (!alive.delete(found)) continue;
        bytes -= bytesOf(found);
        found.alive = false;
        derived.drop(found.node);
        if (found.cache === undefined) runtime.release(found.node);
        else runtime.afterFlush(() => found.cache !== undefined && slabs.free(found.cache));
      }
    },
    memory: (): BackendMemory => ({ tensors: alive.size, bytes }),
    close() {
      closed ??= runtime.close().then(() => parts.pool?.close());
      alive.clear();
      bytes = 0;
      return closed;
    },
  };
}

/** A handle shows a root, or the packed values of a whole root with other sides. */
function plainView(node: GgmlNode): GgmlNode {
  const { root } = node;
  if (node === root) return node;
  if (node.packed && node.values === root.values && node.type === root.type && root.packed)
    return reshape(root, ...node.sides);
  return node.packed ? copied(node) : pack(node);
}

function copied(node: GgmlNode): GgmlNode {
  return new GgmlNode(node.type, node.sides, { operation: "cont", sources: [node] });
}

/** Rows in their own encoding, decoded on the device. */
function encodedRows(encoded: Uint8Array, encoding: RowEncoding, [tokens, width]: readonly [number, number]): GgmlNode {
  const { kind } = encoding;
  if (kind !== "f32" && kind !== "f16" && kind !== "bf16") {
    throw new EngramError({
      code: "unsupported",
      operation: "uploadRows",
      message: `rows of ${kind} are not decoded on the device; give them as values (decodes names those that are)`,
    });
  }
  const expected = encoding.width === 0 ? 0 : ((tokens * width) / encoding.width) * encodedRowBytes(encoding);
  if (encoded.length !== expected || rowBytes(kind, width) * tokens !== expected) {
    throw refused(
      "uploadRows",
      `${encoded.length} bytes for [${tokens}, ${width}] values of ${kind}; expected ${expected}`,
    );
  }
  return cast(hostLeaf(kind, [width, tokens], encoded.slice()), "f32");
}

function bytesOf({ node, cache }: TensorFacts): number {
  return cache === undefined ? node.bytes : rowBytes(node.type, cache.slab.width) * cache.slab.tokens;
}

function checkSides(operation: string, count: number, shape: readonly number[]): void {
  const whole = shape.every((side) => Number.isSafeInteger(side) && side >= 0);
  if (whole && shape.length <= 4 && shape.reduce((product, side) => product * side, 1) === count) return;
  throw refused(operation, `${count} values do not fill the shape [${shape.join(", ")}]; a shape has at most 4 sides`);
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

function raced<T>(reading: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(aborted(signal));
    signal.addEventListener("abort", stop, { once: true });
    reading.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

function aborted(signal: AbortSignal): EngramError {
  const message = "the signal was aborted; the graph runs to its end, and the backend stays usable";
  return new EngramError({ code: "aborted", operation: "download", message, cause: signal.reason });
}

function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
