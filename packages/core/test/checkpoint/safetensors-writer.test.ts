// Writing: byte for byte as the reference implementation, whatever the order; and any file survives the round trip.
import {
  DTYPE_BITS,
  DTYPES,
  EngramError,
  encodeSafetensors,
  isEngramError,
  readSafetensors,
  type Safetensors,
  type TensorData,
  tensorBytes,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REFERENCE_FILES, referenceFile } from "./safetensors-fixtures.js";

function tensorsOf(file: Safetensors): Map<string, TensorData> {
  return new Map(
    [...file.header.tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape, data: tensorBytes(file, name) }]),
  );
}

describe.each(REFERENCE_FILES)("%s", (name, digest) => {
  const bytes = referenceFile(name, digest);
  const file = readSafetensors(bytes);
  const tensors = tensorsOf(file);

  it("is written byte for byte as the reference implementation wrote it", () => {
    expect(Buffer.from(encodeSafetensors(tensors, file.header.metadata)).equals(bytes)).toBe(true);
  });

  it("in whatever order the tensors come", () => {
    const reversed = new Map([...tensors].reverse());
    expect(Buffer.from(encodeSafetensors(reversed, file.header.metadata)).equals(bytes)).toBe(true);
  });
});

const names = fc.string({ unit: "binary", maxLength: 12 }).filter((name) => name !== "__metadata__");
const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
const tensor = fc
  .tuple(fc.constantFrom(...DTYPES), shapes, fc.integer({ min: 0, max: 255 }))
  .map(([dtype, shape, seed]) => {
    const whole = DTYPE_BITS[dtype] < 8 ? [...shape, 4] : shape; // 4 values of 4 or 6 bits fill their bytes
    const bytes = (whole.reduce((product, side) => product * side, 1) * DTYPE_BITS[dtype]) / 8;
    return { dtype, shape: whole, data: Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + seed) & 255) };
  });
const files = fc.tuple(
  fc.array(fc.tuple(names, tensor), { maxLength: 6 }).map((entries) => new Map(entries)),
  fc
    .array(fc.tuple(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), { maxLength: 3 })
    .map((pairs) => new Map(pairs)),
);

describe("any file", () => {
  it("survives the round trip", () => {
    fc.assert(
      fc.property(files, ([tensors, metadata]) => {
        const bytes = encodeSafetensors(tensors, metadata);
        const file = readSafetensors(bytes);
        expect(file.header.dataBegin % 8).toBe(0);
        expect(file.header.metadata).toEqual(metadata);
        expect(tensorsOf(file)).toEqual(tensors);
      }),
    );
  });

  // What a flipped bit, a cut or a byte too many can do: a file that still holds together, or an error of ours.
  it("damaged, is read whole or refused, never anything else", () => {
    const damage = fc.oneof(
      fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) }),
      fc.record({
        kind: fc.constant("set" as const),
        at: fc.nat(),
        byte: fc.constantFrom(...'{}[]",:\\0919e.-n \0\xff'),
      }),
      fc.record({ kind: fc.constant("cut" as const), at: fc.nat() }),
      fc.record({ kind: fc.constant("drop" as const), at: fc.nat() }),
    );
    let refused = 0;
    fc.assert(
      fc.property(
        files,
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        ([tensors, metadata], damages, inHeader) => {
          let bytes = encodeSafetensors(tensors, metadata);
          for (const what of damages) {
            const reach = inHeader ? Math.min(bytes.length, readHeaderEnd(bytes)) : bytes.length;
            const at = reach === 0 ? 0 : what.at % reach;
            if (what.kind === "cut") bytes = bytes.slice(0, at);
            else if (what.kind === "drop") bytes = Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1)]);
            else if (what.kind === "flip") bytes[at] = (bytes[at] ?? 0) ^ (1 << what.bit);
            else bytes[at] = what.byte.charCodeAt(0);
          }
          try {
            const file = readSafetensors(bytes);
            for (const name of file.header.tensors.keys()) tensorBytes(file, name);
            const total = [...file.header.tensors.values()].reduce((sum, { begin, end }) => sum + end - begin, 0);
            expect(file.header.dataBegin + total).toBe(bytes.length);
          } catch (error) {
            if (!(error instanceof EngramError)) throw error;
            expect(["invalid-safetensors", "truncated"]).toContain(error.code);
            refused++;
          }
        },
      ),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(200); // the damage does reach the checks
  });
});

function readHeaderEnd(bytes: Uint8Array): number {
  return bytes.length < 8 ? bytes.length : 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

describe("refuses to write", () => {
  const good: TensorData = { dtype: "F32", shape: [2], data: new Float32Array(2) };
  it.each([
    ["a name that the format keeps", "__metadata__", good, /"__metadata__".*choose another/],
    ["half of a surrogate pair", "\ud800", good, /surrogate/],
    ["too few bytes", "x", { ...good, shape: [3] }, /"x": data has 8 bytes, F32 of shape \[3\] takes 12/],
    ["too many bytes", "x", { ...good, shape: [] }, /"x": data has 8 bytes, F32 of shape \[\] takes 4/],
    ["an unknown type", "x", { ...good, dtype: "F33" as "F32" }, /"x": dtype is F33/],
    ["a negative side", "x", { ...good, shape: [-2] }, /"x": shape \[-2\]/],
    ["a side of a half", "x", { ...good, shape: [0.5] }, /"x": shape \[0.5\]/],
    ["a part of a byte", "x", { dtype: "F4", shape: [1], data: new Uint8Array(1) }, /"x": shape \[1\] of F4/],
    ["a shape past 2^53", "x", { ...good, shape: [2 ** 30, 2 ** 30] }, /"x": shape/],
  ] as const)("%s", (_, name, tensor, message) => {
    try {
      encodeSafetensors(new Map([[name, tensor]]));
      expect.fail("it was written");
    } catch (error) {
      expect(isEngramError(error, "invalid-argument"), String(error)).toBe(true);
      expect(String(error)).toMatch(message);
    }
  });

  it("metadata that is no text", () => {
    expect(() => encodeSafetensors(new Map(), new Map([["a", 1 as unknown as string]]))).toThrow(/metadata "a"/);
    expect(() => encodeSafetensors(new Map(), new Map([["a", "\udc00"]]))).toThrow(/metadata "a"/);
  });
});
