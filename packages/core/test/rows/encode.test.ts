// How near decode(encode(x)) comes to x, for each encoding, over all of float32's range.
import { decodeRows, encodedRowBytes, encodeRows, isEngramError, type RowEncoding } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { float32Bits } from "./fixture.js";

const WIDTH = 64;
const anyFloat = fc.float({ noNaN: true, noDefaultInfinity: true });
const values = fc.oneof(
  fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: WIDTH, maxLength: WIDTH }),
  // Within one magnitude, as rows are.
  fc
    .tuple(fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: WIDTH, maxLength: WIDTH }), anyFloat)
    .map(([row, size]) => Float32Array.from(row, (x) => x * size)),
);

function encode(encoding: RowEncoding, row: Float32Array): Uint8Array {
  const bytes = new Uint8Array((row.length / encoding.width) * encodedRowBytes(encoding));
  encodeRows(encoding, row, bytes);
  return bytes;
}

function decode(encoding: RowEncoding, bytes: Uint8Array): Float32Array {
  const out = new Float32Array((bytes.length / encodedRowBytes(encoding)) * encoding.width);
  decodeRows(encoding, bytes, out);
  return out;
}

function greatest(row: Float32Array): number {
  return row.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
}

function checkBound(encoding: RowEncoding, bound: (x: number, row: Float32Array, index: number) => number): void {
  fc.assert(
    fc.property(values, (row) => {
      const back = decode(encoding, encode(encoding, row));
      row.forEach((x, i) => {
        const found = back[i] as number; // as long as row
        const most = bound(x, row, i);
        if (!(Math.abs(found - x) <= most)) {
          throw new Error(`value ${i} is ${x} and came back as ${found}, more than ${most} away`);
        }
      });
    }),
    { numRuns: 500 },
  );
}

describe("decode(encode(x))", () => {
  it("f32 is x, bit for bit, NaN payloads too", () => {
    fc.assert(
      fc.property(fc.uint32Array({ minLength: 1, maxLength: 9 }), (bits) => {
        const row = new Float32Array(bits.slice().buffer);
        const back = decode({ kind: "f32", width: 1 }, encode({ kind: "f32", width: 1 }, row));
        expect(new Uint32Array(back.buffer)).toEqual(bits);
      }),
    );
  });

  it("f16 is within half a step, up to 65,504", () => {
    checkBound({ kind: "f16", width: WIDTH }, (x) =>
      Math.abs(x) >= 65_520 ? Number.POSITIVE_INFINITY : Math.max(Math.abs(x) * 2 ** -11, 2 ** -25),
    );
  });

  it("bf16 is within half a step", () => {
    checkBound({ kind: "bf16", width: WIDTH }, (x) =>
      Math.abs(x) > 3.38e38 ? Number.POSITIVE_INFINITY : Math.max(Math.abs(x) * 2 ** -8, 2 ** -134),
    );
  });

  it("int8 is within half of max / 127, and of float32's own rounding", () => {
    checkBound({ kind: "int8", width: WIDTH }, (_x, row) => {
      const max = greatest(row);
      return (Math.max(max / 127, 2 ** -149) / 2) * (1 + 2 ** -16) + (max < 2 ** -119 ? 127 * 2 ** -150 : 0);
    });
  });

  it("fp8-e4m3-e8m0 is within 1/16 of x, or 2^-17 of its block's greatest", () => {
    checkBound({ kind: "fp8-e4m3-e8m0", width: WIDTH }, (x, row, i) => {
      if (Math.abs(x) >= 248 * 2 ** 120) return Number.POSITIVE_INFINITY; // rounds to 2^128
      const block = row.subarray(i - (i % 32), i - (i % 32) + 32);
      return Math.max(Math.abs(x) / 16, greatest(block) * 2 ** -17, 2 ** -136);
    });
  });

  it("fp8-e4m3 is within 1/16 of x up to 448 scales, and 448 scales beyond", () => {
    const scale = 0.0078125;
    checkBound({ kind: "fp8-e4m3", width: WIDTH, scale }, (x) => {
      const over = Math.abs(x) - 448 * scale;
      return Math.max(over > 0 ? over : Math.abs(x) / 16, scale * 2 ** -10);
    });
  });

  it("once encoded, a row changes no more", () => {
    for (const kind of ["f16", "bf16", "int8", "fp8-e4m3-e8m0"] as const) {
      const encoding = { kind, width: WIDTH };
      fc.assert(
        fc.property(values, (row) => {
          fc.pre(greatest(row) < 248 * 2 ** 120); // beyond, fp8 rounds to 2^128, an infinity, and refuses that
          const once = decode(encoding, encode(encoding, row));
          const twice = decode(encoding, encode(encoding, once));
          if (kind === "int8") {
            const max = greatest(row);
            twice.forEach((x, i) => {
              expect(Math.abs(x - (once[i] as number))).toBeLessThanOrEqual(max * 2 ** -20 + 2 ** -142);
            });
          } else {
            expect(float32Bits(twice)).toEqual(float32Bits(once));
          }
        }),
        { numRuns: 200 },
      );
    }
  });
});

describe("values that are not finite", () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("%d cannot share a scale", (bad) => {
    for (const kind of ["int8", "fp8-e4m3-e8m0"] as const) {
      const row = new Float32Array(2 * WIDTH);
      row[WIDTH + 5] = bad;
      let caught: unknown;
      try {
        encode({ kind, width: WIDTH }, row);
      } catch (error) {
        caught = error;
      }
      expect(isEngramError(caught, "invalid-argument") && caught.message).toContain(`value ${WIDTH + 5} is ${bad}`);
    }
  });

  it("keep their meaning in f16 and bf16, and saturate in fp8-e4m3", () => {
    const row = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    for (const kind of ["f16", "bf16"] as const) {
      expect(Array.from(decode({ kind, width: 3 }, encode({ kind, width: 3 }, row)))).toEqual(Array.from(row));
    }
    const encoding = { kind: "fp8-e4m3", width: 3, scale: 2 } as const;
    expect(Array.from(decode(encoding, encode(encoding, row)))).toEqual([Number.NaN, 896, -896]);
  });
});

describe("a table's scale that is no float32", () => {
  // Nearest float32: 1 + 2^-19. The value is 1.9375 of that, half-way between two codes, of which 0x40 is even.
  const encoding = { kind: "fp8-e4m3", width: 1, scale: 1 + 2 ** -19 + 0.49 * 2 ** -23 } as const;
  const nearest = 1 + 2 ** -19;

  it("is rounded to one before a value is divided by it", () => {
    expect(encode(encoding, Float32Array.of(1.9375 * nearest))).toEqual(Uint8Array.of(0x40));
  });

  it("is rounded to one before a code is multiplied by it", () => {
    expect(decode(encoding, Uint8Array.of(0x3f))).toEqual(Float32Array.of(1.875 * nearest));
  });
});
