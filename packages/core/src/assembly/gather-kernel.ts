// The kernels that copy and decode rows of a table, bound to the memory the table lies in: WebAssembly SIMD over a shared
// memory where the platform has both, and a TypeScript twin over any buffer that computes the same. Not here: which rows
// lie where, staging, checks of row ids; a store does those.

import { decodeRows } from "../rows/decode.js";
import { encodedRowBytes, type RowEncoding } from "../rows/encoding.js";
import { DECODE_WASM } from "./decode.wasm.js";
import { GATHER_WASM } from "./gather.wasm.js";

/** Bytes that a kernel may read after the last row of a table, and may overwrite after its output. */
export const GATHER_SLACK_BYTES = 64;

/**
 * Gathers rows of one encoding within one memory. All places are byte addresses in that memory, multiples of 4 but for
 * `rows`; ids and addresses are the caller's to check.
 */
export interface GatherKernel {
  readonly name: "wasm" | "typescript";
  /**
   * Copies rows.
   * @param ids where `count` 32-bit row ids lie.
   * @param rows where row 0 lies.
   * @param out where the rows go, `[count, rowBytes]`, apart from what is read.
   */
  gather(ids: number, count: number, rows: number, out: number): void;
  /**
   * Copies and decodes rows, equal to `decodeRows` but for the bits of NaNs; takes what `gather` takes.
   * @param out where the float32 values go, `[count, width]`.
   */
  decode(ids: number, count: number, rows: number, out: number): void;
}

type Copy = (ids: number, count: number, rows: number, rowBytes: number, out: number) => void;
type Decode = (
  ids: number,
  count: number,
  rows: number,
  rowBytes: number,
  width: number,
  out: number,
  scale?: number,
) => void;

const DECODE_EXPORTS = {
  f16: "decodeF16",
  bf16: "decodeBf16",
  int8: "decodeInt8",
  "fp8-e4m3-e8m0": "decodeFp8Blocks",
  "fp8-e4m3": "decodeFp8",
} as const;

let gatherModule: WebAssembly.Module | undefined;
let decodeModule: WebAssembly.Module | undefined;

/**
 * The compiled copying kernel: it imports `env.memory`, shared, and exports functions of `(ids, count, rows, rowBytes,
 * out)`, of which {@link wasmGatherExport} names the one for a row size. For worker threads, which instantiate it over
 * the memories that they are sent.
 * @throws WebAssembly.CompileError where the platform lacks SIMD or threads.
 */
export function wasmGatherModule(): WebAssembly.Module {
  gatherModule ??= compile(GATHER_WASM);
  return gatherModule;
}

/** Row sizes with an export of their own: 64 bf16, 128 bf16 or 256 fp8, 256 fp8 with scales, 256 bf16. */
const USUAL_SIZES: readonly number[] = [128, 256, 264, 512];

/** The export of {@link wasmGatherModule} that copies rows of `rowBytes` bytes. */
export function wasmGatherExport(rowBytes: number): string {
  const lines = rowBytes >>> 6;
  if (USUAL_SIZES.includes(rowBytes)) return `gather${rowBytes}`;
  if (lines === 0) return "gatherShort";
  return lines > 8 ? "gatherLong" : `gatherLines${lines}`;
}

/**
 * The WebAssembly kernel over a shared memory of at most 4 GiB, or undefined where the platform lacks SIMD or threads.
 * `GATHER_SLACK_BYTES` must follow the table and each output within the memory.
 */
export function wasmGatherKernel(memory: WebAssembly.Memory, encoding: RowEncoding): GatherKernel | undefined {
  const rowBytes = encodedRowBytes(encoding);
  const { kind, width } = encoding;
  const imports = { env: { memory } };
  let copy: Copy;
  let decode: Decode | undefined;
  try {
    const { exports } = new WebAssembly.Instance(wasmGatherModule(), imports);
    copy = exports[wasmGatherExport(rowBytes)] as Copy; // our module's own export
    if (kind !== "f32") {
      decodeModule ??= compile(DECODE_WASM);
      decode = new WebAssembly.Instance(decodeModule, imports).exports[DECODE_EXPORTS[kind]] as Decode; // as above
    }
  } catch {
    return undefined;
  }
  const gather: GatherKernel["gather"] = (ids, count, rows, out) => copy(ids, count, rows, rowBytes, out);
  if (decode === undefined) return { name: "wasm", gather, decode: gather };
  const run = decode;
  const scale = encoding.kind === "fp8-e4m3" ? encoding.scale : 1;
  return {
    name: "wasm",
    gather,
    decode: (ids, count, rows, out) => run(ids, count, rows, rowBytes, width, out, scale),
  };
}

const TWIN_ROWS = 64;

/** The same kernel in TypeScript over any buffer, shared or not: slower, and the WebAssembly kernel's oracle. */
export function twinGatherKernel(buffer: ArrayBufferLike, encoding: RowEncoding): GatherKernel {
  const rowBytes = encodedRowBytes(encoding);
  const bytes = new Uint8Array(buffer);
  const words = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
  const encoded = new Uint8Array(TWIN_ROWS * rowBytes);
  return {
    name: "typescript",
    gather(ids, count, rows, out) {
      for (let i = 0, id = ids / 4; i < count; i++, id++) {
        const from = rows + (words[id] as number) * rowBytes; // ids lie within the buffer
        bytes.copyWithin(out + i * rowBytes, from, from + rowBytes);
      }
    },
    decode(ids, count, rows, out) {
      const valueBytes = encoding.width * 4;
      for (let first = 0; first < count; first += TWIN_ROWS) {
        const some = Math.min(TWIN_ROWS, count - first);
        for (let i = 0, id = ids / 4 + first; i < some; i++, id++) {
          const from = rows + (words[id] as number) * rowBytes; // as above
          encoded.set(bytes.subarray(from, from + rowBytes), i * rowBytes);
        }
        const values = new Float32Array(buffer, out + first * valueBytes, some * encoding.width);
        decodeRows(encoding, encoded.subarray(0, some * rowBytes), values);
      }
    },
  };
}

function compile(base64: string): WebAssembly.Module {
  return new WebAssembly.Module(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}
