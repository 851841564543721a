// The arithmetic of rows in training, over one memory that holds a step's arrays: summing gradients, copying rows to
// where tokens want them, a step of Adam. WebAssembly SIMD, or a TypeScript twin of the same results, bit for bit.
// Not here: which rows a step has (optimizers/step-rows.ts), reading and writing them.

import { compileKernel, EngramError, GATHER_SLACK_BYTES, twinGatherKernel, wasmGatherKernel } from "@engram-ts/core";
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
  /** Copies row `places[i]` of `rows` to row i of `out`, whose end needs {@link GATHER_SLACK_BYTES} more. */
  spread(places: number, count: number, rows: number, out: number): void;
  /** Adds row i of `rows`, float32, to the row `places[i]` of `sums`, float64. */
  add(places: number, count: number, rows: number, sums: number): void;
  /** Changes values `[count, width]` and moments `[count, 2 * width]`. */
  adam(values: number, sums: number, moments: number, count: number, numbers: AdamNumbers): void;
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
  const copies = wasmGatherKernel(memory, { kind: "f32", width });
  if (copies === undefined) return twinRowKernel(width);
  compiled ??= compileKernel(ROWS_WASM, "plain");
  const { addRows, adamRows } = new WebAssembly.Instance(compiled, { env: { memory } }).exports as {
    addRows(places: number, count: number, rows: number, width: number, sums: number): void;
    adamRows(...numbers: number[]): void;
  }; // our module's own exports
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
    spread: (places, count, rows, out) => copies.gather(places, count, rows, out),
    add: (places, count, rows, sums) => addRows(places, count, rows, width, sums),
    adam: (values, sums, moments, count, { factor, stepSize, rest1, rest2, epsilon }) =>
      adamRows(values, sums, moments, count, width, factor, stepSize, rest1, rest2, epsilon),
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
    spread: (places, count, rows, out) =>
      twinGatherKernel(buffer, { kind: "f32", width }).gather(places, count, rows, out),
    add(places, count, rows, sums) {
      const placed = new Uint32Array(buffer, places, count);
      const values = new Float32Array(buffer, rows, count * width);
      const into = new Float64Array(buffer, sums);
      for (let i = 0, from = 0; i < count; i++) {
        let to = (placed[i] as number) * width; // i < count
        for (const end = from + width; from < end; from++, to++)
          into[to] = (into[to] as number) + (values[from] as number);
      }
    },
    adam(valuesAt, sumsAt, momentsAt, count, { factor, stepSize, rest1, rest2, epsilon }) {
      const values = new Float32Array(buffer, valuesAt, count * width);
      const sums = new Float64Array(buffer, sumsAt, count * width);
      const moments = new Float32Array(buffer, momentsAt, count * 2 * width);
      for (let at = 0, first = 0; at < values.length; at += width, first += 2 * width) {
        for (let c = 0; c < width; c++) {
          const g = (sums[at + c] as number) * factor; // all three arrays have these places
          let m = moments[first + c] as number;
          let v = moments[first + width + c] as number;
          m += rest1 * (g - m);
          v += rest2 * (g * g - v);
          moments[first + c] = m;
          moments[first + width + c] = v;
          values[at + c] = (values[at + c] as number) - (stepSize * m) / (Math.sqrt(v) + epsilon);
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
