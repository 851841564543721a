// The kernels that copy and decode rows of a table, bound to the memory the table lies in: WebAssembly SIMD where the
// platform has it, and a TypeScript twin over any buffer that computes the same. Not here: which rows lie where, staging,
// checks of row ids; a store does those.
//
// A plain memory is the faster one: the engine copies out of memory that threads share word by word, and out of plain
// memory as fast as the machine can.

import { decodeRows } from "../rows/decode.js";
import { encodedRowBytes, type RowEncoding } from "../rows/encoding.js";
import { DECODE_WASM } from "./decode.wasm.js";
import { GATHER_WASM } from "./gather.wasm.js";
import { compileKernel, memoryForm } from "./kernel-module.js";

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
   * The opposite of `gather`: copies packed rows to the places of their ids. Of a row that is named twice the last one stays.
   * @param from where the rows lie, `[count, rowBytes]`.
   */
  scatter(ids: number, count: number, rows: number, from: number): void;
  /**
   * Copies and decodes rows, equal to `decodeRows` but for the bits of NaNs; takes what `gather` takes.
   * @param out where the float32 values go, `[count, width]`.
   */
  decode(ids: number, count: number, rows: number, out: number): void;
  /** The greatest of `count` row ids, 0 for none. */
  greatestId(ids: number, count: number): number;
}

type Copy = (ids: number, count: number, rows: number, rowBytes: number, out: number) => void;
type Greatest = (ids: number, count: number) => number;
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

const modules = { gather: new Map<string, WebAssembly.Module>(), decode: new Map<string, WebAssembly.Module>() };

/**
 * The compiled copying kernel for a shared or a plain `env.memory`. It exports functions of `(ids, count, rows, rowBytes,
 * out)`, of which {@link wasmGatherExport} names the one for a row size. For worker threads, which instantiate it over
 * the memories that they are sent.
 * @throws WebAssembly.CompileError where the platform lacks SIMD, or threads for the shared form.
 */
export function wasmGatherModule(memory: "plain" | "shared" = "shared"): WebAssembly.Module {
  return compiled("gather", memory);
}

function compiled(kernel: "gather" | "decode", memory: "plain" | "shared"): WebAssembly.Module {
  let module = modules[kernel].get(memory);
  if (module === undefined) {
    module = compileKernel(kernel === "gather" ? GATHER_WASM : DECODE_WASM, memory);
    modules[kernel].set(memory, module);
  }
  return module;
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
 * The WebAssembly kernel over a memory of at most 4 GiB, plain or shared, or undefined where the platform lacks SIMD, or
 * threads for a shared one. `GATHER_SLACK_BYTES` must follow the table and each output within the memory, which may grow.
 */
export function wasmGatherKernel(memory: WebAssembly.Memory, encoding: RowEncoding): GatherKernel | undefined {
  const rowBytes = encodedRowBytes(encoding);
  const { kind, width } = encoding;
  const imports = { env: { memory } };
  const form = memoryForm(memory);
  let copy: Copy;
  let put: Copy;
  let greatest: Greatest;
  let decode: Decode | undefined;
  try {
    const { exports } = new WebAssembly.Instance(compiled("gather", form), imports);
    copy = exports[wasmGatherExport(rowBytes)] as Copy; // our module's own export
    put = exports.scatter as Copy; // as above
    greatest = exports.greatestId as Greatest;
    if (kind !== "f32") {
      const decodes = new WebAssembly.Instance(compiled("decode", form), imports).exports;
      decode = decodes[DECODE_EXPORTS[kind]] as Decode; // as above
    }
  } catch {
    return undefined;
  }
  const gather: GatherKernel["gather"] = (ids, count, rows, out) => copy(ids, count, rows, rowBytes, out);
  const scatter: GatherKernel["scatter"] = (ids, count, rows, from) => put(ids, count, rows, rowBytes, from);
  const greatestId: GatherKernel["greatestId"] = (ids, count) => greatest(ids, count) >>> 0;
  if (decode === undefined) return { name: "wasm", gather, scatter, decode: gather, greatestId };
  const run = decode;
  const scale = encoding.kind === "fp8-e4m3" ? encoding.scale : 1;
  return {
    name: "wasm",
    gather,
    scatter,
    decode: (ids, count, rows, out) => run(ids, count, rows, rowBytes, width, out, scale),
    greatestId,
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
    scatter(ids, count, rows, from) {
      for (let i = 0, id = ids / 4; i < count; i++, id++) {
        const at = from + i * rowBytes;
        bytes.copyWithin(rows + (words[id] as number) * rowBytes, at, at + rowBytes); // as above
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
    greatestId(ids, count) {
      let greatest = 0;
      for (let id = ids / 4; id < ids / 4 + count; id++) greatest = Math.max(greatest, words[id] as number); // as above
      return greatest;
    },
  };
}
