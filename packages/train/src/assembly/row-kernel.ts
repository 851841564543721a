// The arithmetic of rows in training, over one memory that holds a step's arrays: a step of Adam. WebAssembly SIMD, or a
// TypeScript twin of the same results, bit for bit. Not here: which rows a step has (optimizers/step-rows.ts), the sums of
// their gradients, which the backend makes, reading and writing.

import { compileKernel, EngramError } from "@engram-ts/core";
import { ROWS_WASM } from "./rows.wasm.js";

/** What a step of Adam is told, as sparse-adam.ts derives it. */
export interface AdamNumbers {
  /** Scales the gradients. */
  readonly factor: number;
  readonly stepSize: number;
  /** One less the first and the second beta. */
  readonly rest1: number;
  readonly rest2: number;
  readonly epsilon: number;
}

/** A kernel over its memory. Places are byte addresses in it, multiples of 8. */
export interface RowKernel {
  readonly name: "wasm" | "typescript";
  readonly buffer: ArrayBuffer;
  /** Makes room; what was there is kept, but views of `buffer` have to be made again. */
  reserve(bytes: number): void;
  /** Changes values `[count, width]` and moments `[count, 2 * width]` by gradients `[count, width]`, all float32. */
  adam(values: number, gradients: number, moments: number, count: number, numbers: AdamNumbers): void;
}

const PAGE_BYTES = 65_536;
const MOST_PAGES = 65_536;
let compiled: WebAssembly.Module | undefined;

/** A kernel with a memory of its own; the twin where the platform has no SIMD, or no address space. */
export function rowKernel(width: number): RowKernel {
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES });
  } catch {
    return twinRowKernel(width);
  }
  let adamRows: (...numbers: number[]) => void;
  try {
    compiled ??= compileKernel(ROWS_WASM, "plain");
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
    ({ adamRows } = exports as { adamRows: typeof adamRows }); // our module's own exports
  } catch {
    return twinRowKernel(width);
  }
  return {
    name: "wasm",
    get buffer() {
      return memory.buffer;
    },
    reserve(bytes) {
      const more = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
      if (more <= 0) return;
      try {
        memory.grow(more);
      } catch (cause) {
        throw tooLarge(bytes, cause);
      }
    },
    adam: (values, gradients, moments, count, { factor, stepSize, rest1, rest2, epsilon }) =>
      adamRows(values, gradients, moments, count, width, factor, stepSize, rest1, rest2, epsilon),
  };
}

/** The same in TypeScript: slower, and the WebAssembly kernel's oracle. */
export function twinRowKernel(width: number): RowKernel {
  let buffer = new ArrayBuffer(0);
  return {
    name: "typescript",
    get buffer() {
      return buffer;
    },
    reserve(bytes) {
      if (bytes <= buffer.byteLength) return;
      const larger = new ArrayBuffer(Math.ceil(bytes / 8) * 8); // so that float64 views reach its end
      new Uint8Array(larger).set(new Uint8Array(buffer));
      buffer = larger;
    },
    adam(valuesAt, gradientsAt, momentsAt, count, numbers) {
      const { fround } = Math;
      const [factor, stepSize, rest1, rest2, epsilon] = [
        numbers.factor,
        numbers.stepSize,
        numbers.rest1,
        numbers.rest2,
        numbers.epsilon,
      ].map(fround) as [number, number, number, number, number]; // five again
      const values = new Float32Array(buffer, valuesAt, count * width);
      const gradients = new Float32Array(buffer, gradientsAt, count * width);
      const moments = new Float32Array(buffer, momentsAt, count * 2 * width);
      for (let at = 0, first = 0; at < values.length; at += width, first += 2 * width) {
        for (let c = 0; c < width; c++) {
          const g = fround((gradients[at + c] as number) * factor); // all three arrays have these places
          let m = moments[first + c] as number;
          let v = moments[first + width + c] as number;
          m = fround(m + fround(rest1 * fround(g - m)));
          v = fround(v + fround(rest2 * fround(fround(g * g) - v)));
          moments[first + c] = m;
          moments[first + width + c] = v;
          const step = fround(fround(stepSize * m) / fround(fround(Math.sqrt(v)) + epsilon));
          values[at + c] = (values[at + c] as number) - step;
        }
      }
    },
  };
}

function tooLarge(bytes: number, cause: unknown): EngramError {
  return new EngramError({
    code: "out-of-memory",
    operation: "trainer.takeStep",
    message: `the rows of a step need ${bytes} bytes for one table, and the platform gives no such memory (4 GiB at most); use smaller batches, or fewer of them a step`,
    context: { neededBytes: bytes },
    cause,
  });
}
