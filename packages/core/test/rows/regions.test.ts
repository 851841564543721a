// Values and scales in one region or in two: the same bytes, and nothing lost.
import {
  interleaveRows,
  isEngramError,
  type RowEncoding,
  rowScaleBytes,
  rowValueBytes,
  splitRows,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const encodings: readonly RowEncoding[] = [
  { kind: "f32", width: 2 },
  { kind: "bf16", width: 3 },
  { kind: "int8", width: 5 },
  { kind: "fp8-e4m3-e8m0", width: 64 },
  { kind: "fp8-e4m3", width: 5, scale: 0.5 },
];

describe.each(encodings)("$kind", (encoding) => {
  const valueBytes = rowValueBytes(encoding);
  const scaleBytes = rowScaleBytes(encoding);
  const rowBytes = valueBytes + scaleBytes;

  it.each([0, 1, 2, 9])("%d rows go together and apart", (rows) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: rows * rowBytes, maxLength: rows * rowBytes }), (packed) => {
        const values = new Uint8Array(rows * valueBytes);
        const scales = new Uint8Array(rows * scaleBytes);
        splitRows(encoding, packed, { values, scales });
        for (let row = 0; row < rows; row++) {
          const expected = packed.subarray(row * rowBytes, (row + 1) * rowBytes);
          const found = [
            ...values.subarray(row * valueBytes, (row + 1) * valueBytes),
            ...scales.subarray(row * scaleBytes, (row + 1) * scaleBytes),
          ];
          expect(found).toEqual([...expected]);
        }
        const out = new Uint8Array(packed.length);
        interleaveRows(encoding, { values, scales }, out);
        expect(out).toEqual(packed);
      }),
      { numRuns: 25 },
    );
  });

  it("refuses regions of unequal rows and a packed array of another length", () => {
    const good = { values: new Uint8Array(2 * valueBytes), scales: new Uint8Array(2 * scaleBytes) };
    const code = (run: () => void): unknown => {
      try {
        run();
      } catch (error) {
        return isEngramError(error) ? error.code : error;
      }
      return "nothing thrown";
    };
    const packed = new Uint8Array(2 * rowBytes);
    const longer = { ...good, values: new Uint8Array(2 * valueBytes + 1) };
    const moreScales = { ...good, scales: new Uint8Array(2 * scaleBytes + 1) };
    expect(code(() => interleaveRows(encoding, longer, packed))).not.toBe("nothing thrown");
    expect(code(() => interleaveRows(encoding, moreScales, packed))).toBe("invalid-argument");
    expect(code(() => splitRows(encoding, packed, moreScales))).toBe("invalid-argument");
    expect(code(() => interleaveRows(encoding, good, new Uint8Array(2 * rowBytes - 1)))).toBe("output-length");
    expect(code(() => splitRows(encoding, new Uint8Array(2 * rowBytes + 1), good))).toBe("output-length");
    expect(code(() => splitRows(encoding, [] as unknown as Uint8Array, good))).toBe("invalid-argument");
  });
});
