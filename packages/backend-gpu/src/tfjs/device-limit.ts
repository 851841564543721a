// Refuses tensors that a device cannot hold, before anything is allocated: tfjs itself would go on, with a buffer that is
// none on WebGPU, or at address 0 of WebAssembly's memory. Every output of every kernel passes here, so what an operation
// makes for a while is refused, too. Errors name the operation `tfjs`; tensor-book.ts puts the operation's own in its place.

import { EngramError } from "@engram-ts/core";
import { elements } from "./tensor-shape.js";
import type { TfjsKernelBackend } from "./tfjs-library.js";

/** Below this many bytes an allocation is not tried out beforehand. */
const LEAST_TRIED = 1 << 16;

const guarded = new WeakSet<TfjsKernelBackend>();

/** Most bytes of one tensor. */
function mostTensorBytes({ device }: TfjsKernelBackend): number {
  if (device === undefined) return Number.MAX_SAFE_INTEGER;
  return Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
}

/** Guards a backend of tfjs. Once is enough; more does nothing. */
export function guardAllocations(backend: TfjsKernelBackend): void {
  if (guarded.has(backend)) return;
  guarded.add(backend);
  const most = mostTensorBytes(backend);
  const check = (shape: readonly number[]): void => {
    const bytes = 4 * elements(shape);
    if (bytes > most) throw tooLarge(shape, bytes, most);
    const { wasm } = backend;
    if (wasm === undefined || bytes < LEAST_TRIED) return;
    const place = wasm._malloc(bytes);
    if (place === 0) throw noRoom(shape, bytes);
    wasm._free(place);
  };
  for (const name of ["makeTensorInfo", "makeOutput"] as const) {
    const make = backend[name];
    if (make === undefined) continue;
    backend[name] = (shape, ...rest) => {
      check(shape);
      return make.call(backend, shape, ...rest);
    };
  }
  const write = backend.write;
  backend.write = (values, shape, ...rest) => {
    check(shape);
    return write.call(backend, values, shape, ...rest);
  };
}

function tooLarge(shape: readonly number[], bytes: number, most: number): EngramError {
  return new EngramError({
    code: "unsupported",
    operation: "tfjs",
    message: `a tensor of shape [${shape.join(", ")}] takes ${bytes} bytes, and the device holds ${most} in one; give fewer tokens at once, or use a device with a higher limit`,
    context: { shape, bytes, most },
  });
}

function noRoom(shape: readonly number[], bytes: number): EngramError {
  return new EngramError({
    code: "out-of-memory",
    operation: "tfjs",
    message: `the backend has no ${bytes} bytes left for a tensor of shape [${shape.join(", ")}]; dispose of tensors, or give fewer tokens at once`,
    context: { shape, bytes },
  });
}
