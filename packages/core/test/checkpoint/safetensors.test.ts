// Reading: files of the reference implementation, values of every type, whatever the bytes lie in.
import {
  DTYPE_BITS,
  DTYPES,
  encodeSafetensors,
  isEngramError,
  parseSafetensorsHeader,
  readSafetensors,
  safetensorsHeaderBytes,
  tensorBytes,
  tensorFloat32,
  tensorValues,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { sha256, unaligned } from "../rows/fixture.js";
import { bytesEntry, fileOf, REFERENCE_FILES, referenceFile, referenceReading } from "./safetensors-fixtures.js";

function shared(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length));
  view.set(bytes);
  return view;
}

describe.each(REFERENCE_FILES)("%s", (name, digest, readingDigest) => {
  const bytes = referenceFile(name, digest);
  const expected = referenceReading(name, readingDigest);

  it.each([
    ["a Buffer", (file: Uint8Array) => file],
    ["an odd offset", unaligned],
    ["shared memory", shared],
  ])("reads as the reference implementation reads it, from %s", (_, place) => {
    const file = readSafetensors(place(bytes));
    const found = [...file.header.tensors].map(([key, { name, dtype, shape }]) => {
      expect(key).toBe(name);
      return { name, dtype, shape, sha256: sha256(new Uint8Array(tensorBytes(file, name))) };
    });
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(found.sort(byName)).toEqual(expected.sort(byName));
    for (const { name } of expected) expect(tensorFits(file, name)).toBe(true);
  });

  it("the header alone, from the bytes that it takes", () => {
    const needed = safetensorsHeaderBytes(bytes.subarray(0, 8), bytes.length);
    expect(parseSafetensorsHeader(bytes.subarray(0, needed), bytes.length)).toEqual(readSafetensors(bytes).header);
    if (needed === 8) return;
    expect(() => parseSafetensorsHeader(bytes.subarray(0, needed - 1), bytes.length)).toThrow(
      `the first ${needed} bytes, prefix has ${needed - 1}`,
    );
  });
});

/** Whether the typed values cover a tensor's bytes, of the right number of elements where an element fills bytes. */
function tensorFits(file: ReturnType<typeof readSafetensors>, name: string): boolean {
  const values = tensorValues(file, name);
  const tensor = file.header.tensors.get(name);
  if (tensor === undefined || values.byteLength !== tensor.end - tensor.begin) return false;
  const elements = tensor.shape.reduce((product, side) => product * side, 1);
  if (tensor.dtype === "C64") return values.length === elements * 2;
  return DTYPE_BITS[tensor.dtype] < 8 || values.length === elements;
}

describe("reading", () => {
  it("metadata and names that objects cannot hold", () => {
    const { header } = readSafetensors(referenceFile(...(REFERENCE_FILES[1].slice(0, 2) as [string, string])));
    expect([...header.metadata]).toEqual([["__proto__", '\u2028 "quoted" \u{1f600}']]);
    expect(header.tensors.get("__proto__")?.shape).toEqual([1]);
    expect(header.tensors.get("constructor")?.shape).toEqual([2]);
    expect(header.tensors.get("hasOwnProperty")).toBeUndefined();
  });

  it("aligned values are views of the file, others copies", () => {
    const data = new Uint8Array(Float32Array.of(1, 2).buffer);
    const header = '{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const aligned = readSafetensors(fileOf(header.padEnd(56), data));
    const values = tensorFloat32(aligned, "x");
    expect([...values]).toEqual([1, 2]);
    expect(values.buffer).toBe(aligned.bytes.buffer);
    const odd = readSafetensors(fileOf(header.padEnd(57), data));
    expect([...tensorFloat32(odd, "x")]).toEqual([1, 2]);
    expect(tensorFloat32(odd, "x").buffer).not.toBe(odd.bytes.buffer);
  });

  it("a Buffer, whose slice does not copy, is given out as plain bytes and misleads no copy", () => {
    const header = '{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'.padEnd(57);
    const bytes = Buffer.from(fileOf(header, new Uint8Array(Float32Array.of(1, 2).buffer)));
    const file = readSafetensors(bytes);
    expect(Object.getPrototypeOf(tensorBytes(file, "x"))).toBe(Uint8Array.prototype);
    expect([...tensorFloat32({ header: file.header, bytes }, "x")]).toEqual([1, 2]);
  });

  it("narrow floats widen exactly", () => {
    const tensors = new Map([
      ["half", { dtype: "F16", shape: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x0001) }],
      ["brain", { dtype: "BF16", shape: [2], data: Uint16Array.of(0x3f80, 0xc0a0) }],
      ["e4m3", { dtype: "F8_E4M3", shape: [3], data: Uint8Array.of(0x38, 0xfe, 0x01) }],
      ["e8m0", { dtype: "F8_E8M0", shape: [2], data: Uint8Array.of(127, 120) }],
    ] as const);
    const file = readSafetensors(encodeSafetensors(tensors));
    expect([...tensorFloat32(file, "half")]).toEqual([1, -2, 2 ** -24]);
    expect([...tensorFloat32(file, "brain")]).toEqual([1, -5]);
    expect([...tensorFloat32(file, "e4m3")]).toEqual([1, -448, 2 ** -9]);
    expect([...tensorFloat32(file, "e8m0")]).toEqual([1, 2 ** -7]);
  });

  it.each(DTYPES.filter((dtype) => !["F32", "F16", "BF16", "F8_E4M3", "F8_E8M0"].includes(dtype)))(
    "%s is no float32, and the message says where to turn",
    (dtype) => {
      const file = readSafetensors(
        encodeSafetensors(new Map([["x", { dtype, shape: [4], data: new Uint8Array((DTYPE_BITS[dtype] * 4) / 8) }]])),
      );
      try {
        tensorFloat32(file, "x");
        expect.fail("it was read");
      } catch (error) {
        expect(isEngramError(error, "unsupported")).toBe(true);
        expect(String(error)).toMatch(/tensorValues/);
      }
    },
  );

  it("integers keep their 64 bits", () => {
    const data = BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n);
    const file = readSafetensors(encodeSafetensors(new Map([["x", { dtype: "I64", shape: [2], data }]])));
    expect(tensorValues(file, "x")).toEqual(data);
  });

  it("a name that is not there: not-found, with names that are", () => {
    const file = readSafetensors(fileOf({ a: bytesEntry(0, 1) }, 1));
    expect(() => tensorBytes(file, "toString")).toThrow('findTensor: no tensor "toString"; the file has 1: "a"');
  });

  it("addresses a published shard of 101 GB from its header", () => {
    const rows = 384_006_168;
    const header = {
      "layers.1.engram.embed.weight": { dtype: "F8_E4M3", shape: [rows, 256], data_offsets: [0, rows * 256] },
      "layers.1.engram.embed.scale": { dtype: "F8_E8M0", shape: [rows, 8], data_offsets: [rows * 256, rows * 264] },
    };
    const prefix = fileOf(header);
    const fileBytes = prefix.length + rows * 264;
    const { tensors, dataBegin } = parseSafetensorsHeader(prefix, fileBytes);
    expect(tensors.get("layers.1.engram.embed.scale")).toMatchObject({
      begin: dataBegin + rows * 256,
      end: fileBytes,
      shape: [rows, 8],
    });
    expect(() => parseSafetensorsHeader(prefix, fileBytes - 1)).toThrow(`the tensors end at byte ${fileBytes}`);
  });
});
