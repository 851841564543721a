// Rows of a tensor, by range or by index along its first side. tfjs's wasm backend copies the whole tensor to cut a part
// out of it, and gathers value by value, so for wasm the two kernels are supplied here: one copy inside its memory per
// range, or per row. With tfjs's own a slice of 256 KiB out of 8 MiB takes 5 ms, and a product of 16 tokens with 4 of 32
// experts of 256 x 256 took 379 ms in place of 8.

import { elements } from "./tensor-shape.js";
import type { TfjsArray, TfjsKernelBackend, TfjsLibrary } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

const RANGE = "EngramRowRange";
const PICKS = "EngramRowPicks";

/** What a kernel of tfjs is called with. */
interface KernelCall {
  readonly inputs: Readonly<Record<string, TfjsArray & { readonly dataId: object; readonly dtype: string }>>;
  readonly attrs: Readonly<Record<string, number>>;
  readonly backend: TfjsKernelBackend;
}

/** Rows `from` to before `from + count`: [n, ...] -> [count, ...]. */
export function rowRange({ tf, products }: TfjsRuntime, x: TfjsArray, from: number, count: number): TfjsArray {
  if (products === "plain") return tf.engine().runKernel(RANGE, { x }, { from, count });
  const rest = x.shape.slice(1);
  return tf.slice(x, [from, ...rest.map(() => 0)], [count, ...rest]);
}

/** The rows that are named: [n, ...] and indices [m], int32 and in range -> [m, ...]. */
export function rowPicks({ tf, products }: TfjsRuntime, x: TfjsArray, indices: TfjsArray): TfjsArray {
  return products === "plain" ? tf.engine().runKernel(PICKS, { x, indices }, {}) : tf.gather(x, indices);
}

/** Gives the wasm backend its kernels. Once is enough; more does nothing. */
export function supplyRowCopies(tf: TfjsLibrary): void {
  if (tf.getKernel(RANGE, "wasm") !== undefined) return;
  tf.registerKernel({
    kernelName: RANGE,
    backendName: "wasm",
    kernelFunc({ inputs: { x }, attrs: { from = 0, count = 0 }, backend }: KernelCall) {
      return copied(backend, x, count, (bytes, source, target, heap) => {
        heap.copyWithin(target, source + from * bytes, source + (from + count) * bytes);
      });
    },
  });
  tf.registerKernel({
    kernelName: PICKS,
    backendName: "wasm",
    kernelFunc({ inputs: { x, indices }, backend }: KernelCall) {
      const count = indices?.size ?? 0;
      return copied(backend, x, count, (bytes, source, target, heap) => {
        const at = addressOf(backend, indices);
        const rows = new Int32Array(heap.buffer, at, count);
        for (let i = 0; i < count; i++) {
          const from = source + (rows[i] ?? 0) * bytes;
          heap.copyWithin(target + i * bytes, from, from + bytes);
        }
      });
    },
  });
}

/** An output of `count` rows like those of x, filled by `copy`: bytes of a row, addresses of x and of the output. */
function copied(
  backend: TfjsKernelBackend,
  x: KernelCall["inputs"][string] | undefined,
  count: number,
  copy: (bytes: number, source: number, target: number, heap: Uint8Array) => void,
) {
  const rest = x?.shape.slice(1) ?? [];
  const out = backend.makeOutput?.([count, ...rest], x?.dtype ?? "float32") as KernelCall["inputs"][string]; // as kernels do
  if (backend.wasm === undefined) return out;
  copy(4 * elements(rest), addressOf(backend, x), addressOf(backend, out), backend.wasm.HEAPU8); // after it may have grown
  return out;
}

function addressOf(backend: TfjsKernelBackend, x: KernelCall["inputs"][string] | undefined): number {
  return x === undefined ? 0 : (backend.dataIdMap?.get(x.dataId)?.memoryOffset ?? 0);
}
