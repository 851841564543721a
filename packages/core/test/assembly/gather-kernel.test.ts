import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GATHER_SLACK_BYTES, twinGatherKernel, wasmGatherKernel } from "../../src/assembly/gather-kernel.js";
import { decodeRows } from "../../src/rows/decode.js";
import { encodedRowBytes, ROW_ENCODING_KINDS, type RowEncoding } from "../../src/rows/encoding.js";

const IDS = 0;
const ROWS = 4096;

/** Any bytes at all: every code of every encoding is legal. */
function randomBytes(length: number, seed: number): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    return state >>> 24;
  });
}

function place(encoding: RowEncoding, rows: number, rowIds: readonly number[], seed: number, rowsAt = ROWS) {
  const rowBytes = encodedRowBytes(encoding);
  const table = randomBytes(rows * rowBytes, seed);
  const out = (rowsAt + table.length + GATHER_SLACK_BYTES + 3) & ~3;
  const outBytes = rowIds.length * Math.max(rowBytes, encoding.width * 4);
  const pages = Math.ceil((out + outBytes + 2 * GATHER_SLACK_BYTES) / 65_536);
  const fill = (buffer: ArrayBufferLike) => {
    new Uint8Array(buffer).fill(0xa5);
    new Uint8Array(buffer).set(table, rowsAt);
    new Uint32Array(buffer, IDS, rowIds.length).set(rowIds);
  };
  const compiled = [true, false].map((shared) => {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    fill(memory.buffer);
    const kernel = wasmGatherKernel(memory, encoding);
    if (kernel === undefined) throw new Error("this platform has no WebAssembly SIMD and threads; the tests need both");
    return { kernel, buffer: memory.buffer as ArrayBufferLike };
  });
  const plain = new ArrayBuffer(pages * 65_536);
  fill(plain);
  const expected = new Uint8Array(rowIds.length * rowBytes);
  rowIds.forEach((id, i) => {
    expected.set(table.subarray(id * rowBytes, (id + 1) * rowBytes), i * rowBytes);
  });
  const kernels = [...compiled, { kernel: twinGatherKernel(plain, encoding), buffer: plain as ArrayBufferLike }];
  return { kernels, expected, out, rowsAt };
}

/** The bits of values, all NaNs alike. */
function bitsOf(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.slice().buffer);
  values.forEach((value, i) => {
    if (Number.isNaN(value)) bits[i] = 0x7fc0_0000;
  });
  return bits;
}

function checkGather(encoding: RowEncoding, rows: number, rowIds: readonly number[], seed: number, rowsAt?: number) {
  const { kernels, expected, out, rowsAt: at } = place(encoding, rows, rowIds, seed, rowsAt);
  for (const { kernel, buffer } of kernels) {
    kernel.gather(IDS, rowIds.length, at, out);
    const found = new Uint8Array(buffer, out, expected.length);
    expect(Buffer.compare(found, expected), `${kernel.name}, rows of ${encodedRowBytes(encoding)} bytes`).toBe(0);
    // copying is exact to the byte: nothing after the output is touched
    expect(new Uint8Array(buffer, out + expected.length, 64).every((byte) => byte === 0xa5)).toBe(true);
  }
}

/** Rows that were gathered, put back changed: those named hold what came last, all others what they held. */
function checkScatter(encoding: RowEncoding, rows: number, rowIds: readonly number[], seed: number, rowsAt?: number) {
  const { kernels, expected, out, rowsAt: at } = place(encoding, rows, rowIds, seed, rowsAt);
  const rowBytes = encodedRowBytes(encoding);
  for (const { kernel, buffer } of kernels) {
    const memory = new Uint8Array(buffer);
    const after = memory.slice();
    expected.forEach((byte, i) => {
      const changed = byte ^ (i % 251) ^ 0x5a;
      memory[out + i] = changed;
      after[out + i] = changed;
      after[at + (rowIds[Math.floor(i / rowBytes)] ?? 0) * rowBytes + (i % rowBytes)] = changed;
    });
    kernel.scatter(IDS, rowIds.length, at, out);
    expect(Buffer.compare(memory, after), `${kernel.name}, rows of ${rowBytes} bytes`).toBe(0);
  }
}

function checkDecode(encoding: RowEncoding, rows: number, rowIds: readonly number[], seed: number) {
  const { kernels, expected, out, rowsAt } = place(encoding, rows, rowIds, seed);
  const values = new Float32Array(rowIds.length * encoding.width);
  decodeRows(encoding, expected, values);
  for (const { kernel, buffer } of kernels) {
    kernel.decode(IDS, rowIds.length, rowsAt, out);
    const found = new Float32Array(buffer, out, values.length);
    expect(bitsOf(Float32Array.from(found)), `${kernel.name} ${encoding.kind}`).toEqual(bitsOf(values));
    const after = new Uint8Array(buffer, out + values.byteLength + GATHER_SLACK_BYTES, 64);
    expect(after.every((byte) => byte === 0xa5)).toBe(true);
  }
}

const rowEncoding = fc
  .record({
    kind: fc.constantFrom(...ROW_ENCODING_KINDS),
    width: fc.integer({ min: 1, max: 300 }),
    scale: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
  })
  .map(({ kind, width, scale }): RowEncoding => {
    if (kind === "fp8-e4m3") return { kind, width, scale };
    if (kind === "fp8-e4m3-e8m0") return { kind, width: Math.ceil(width / 32) * 32 };
    return { kind, width };
  });

describe("gather kernels", () => {
  it("copy rows of 1 to 640 bytes, at any alignment of the table", () => {
    for (let width = 1; width <= 640; width++) {
      const ids = Array.from({ length: 35 }, (_, i) => (i * 7 + width) % 19);
      checkGather({ kind: "fp8-e4m3", width, scale: 1 }, 19, ids, width, ROWS + (width % 5));
      checkScatter({ kind: "fp8-e4m3", width, scale: 1 }, 19, ids, width, ROWS + (width % 5));
    }
  });

  it("copy 0, 1, and the numbers of rows around the size of a group", () => {
    for (const count of [0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 100]) {
      const ids = Array.from({ length: count }, (_, i) => (i * 31) % 50);
      checkGather({ kind: "fp8-e4m3-e8m0", width: 256 }, 50, ids, count + 1);
      checkGather({ kind: "bf16", width: 64 }, 50, ids, count + 1);
      checkScatter({ kind: "bf16", width: 64 }, 50, ids, count + 1);
    }
  });

  it("find the greatest id, wherever it is", () => {
    for (const length of [0, 1, 7, 8, 9, 16, 17, 100]) {
      for (let at = 0; at < Math.max(1, length); at++) {
        const ids = Array.from({ length }, (_, i) => (i === at ? 2 ** 32 - 1 - length : 2 ** 31 + i));
        const { kernels } = place({ kind: "bf16", width: 64 }, 1, [], 1);
        for (const { kernel, buffer } of kernels) {
          new Uint32Array(buffer, IDS, length + 1).set([...ids, 2 ** 32 - 1]);
          expect(kernel.greatestId(IDS, length), `${kernel.name}, ${at} of ${length}`).toBe(ids[at] ?? 0);
        }
      }
    }
  });

  it("decode as decodeRows does, in every encoding, width and number of rows", () => {
    fc.assert(
      fc.property(
        rowEncoding,
        fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 }),
        fc.integer(),
        (encoding, ids, seed) => {
          checkGather(encoding, 13, ids, seed);
          checkDecode(encoding, 13, ids, seed);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("decode every 16-bit code and every pair of 8-bit code and scale", () => {
    const decodeTable = (encoding: RowEncoding, table: Uint8Array) => {
      const rows = table.length / encodedRowBytes(encoding);
      const out = 65_536 * 4;
      const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
      new Uint8Array(memory.buffer).set(table, 32_768);
      new Uint32Array(memory.buffer, IDS, rows).set(Array.from({ length: rows }, (_, i) => i));
      wasmGatherKernel(memory, encoding)?.decode(IDS, rows, 32_768, out);
      const expected = new Float32Array(rows * encoding.width);
      decodeRows(encoding, table, expected);
      const found = Float32Array.from(new Float32Array(memory.buffer, out, expected.length));
      expect(bitsOf(found)).toEqual(bitsOf(expected));
    };
    const codes = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, code) => code).buffer);
    decodeTable({ kind: "f16", width: 4096 }, codes);
    decodeTable({ kind: "bf16", width: 4096 }, codes);
    decodeTable({ kind: "fp8-e4m3", width: 4096, scale: 0.1 }, codes);
    for (let scale = 0; scale < 256; scale++) {
      const row = Uint8Array.from({ length: 264 }, (_, i) => (i < 256 ? i : scale));
      decodeTable({ kind: "fp8-e4m3-e8m0", width: 256 }, row);
    }
    for (const scale of [0, 1, -3.7e-39, 1e-45, 3.4e38, Number.POSITIVE_INFINITY, Number.NaN]) {
      const row = new Uint8Array(260).map((_, i) => i);
      new DataView(row.buffer).setFloat32(256, scale, true);
      decodeTable({ kind: "int8", width: 256 }, row);
    }
  });

  it.each([true, false])("reach rows in the last page of a 4 GiB memory, shared: %s", (shared) => {
    const pages = 65_536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    const encoding: RowEncoding = { kind: "fp8-e4m3-e8m0", width: 256 };
    const rows = Math.floor((2 ** 32 - ROWS - 8192) / 264);
    const last = randomBytes(264, 5);
    new Uint8Array(memory.buffer, ROWS + (rows - 1) * 264, 264).set(last);
    new Uint32Array(memory.buffer, IDS, 2).set([rows - 1, 0]);
    const out = 2 ** 32 - 4096;
    wasmGatherKernel(memory, encoding)?.gather(IDS, 2, ROWS, out);
    expect(new Uint8Array(memory.buffer, out, 264)).toEqual(last);
    expect(new Uint8Array(memory.buffer, out + 264, 264)).toEqual(new Uint8Array(264));
  });
});
