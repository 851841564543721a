// Whole rows: against NumPy and ml_dtypes, through odd byte offsets and shared memory, and with wrong lengths.
import {
  decodeRows,
  encodedRowBytes,
  encodeRows,
  isEngramError,
  ROW_ENCODING_KINDS,
  type RowEncoding,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, fixture, float32Bits, sha256, shiftedFloats, unaligned } from "./fixture.js";

interface EncodedCase {
  rows: string;
  decoded: string;
  foreign: string;
  foreignDecodedSha256: string;
}

const golden = JSON.parse(
  fixture("rows-encoded.json", "6a852fe595906f435bc616231ec17815bbd16c6c0e62334cfdd0032b1e5dd69b").toString(),
) as { width: number; scale: number; values: string; encodings: Record<string, EncodedCase> };

function base64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

function encodingOf(kind: string, width: number, scale = golden.scale): RowEncoding {
  return (kind === "fp8-e4m3" ? { kind, width, scale } : { kind, width }) as RowEncoding;
}

const WIDTHS = { f32: 3, f16: 5, bf16: 7, int8: 9, "fp8-e4m3-e8m0": 64, "fp8-e4m3": 11 };

function decoded(encoding: RowEncoding, rows: Uint8Array): Float32Array {
  const out = shiftedFloats((rows.length / encodedRowBytes(encoding)) * encoding.width);
  decodeRows(encoding, unaligned(rows), out);
  return out;
}

describe.each(Object.keys(golden.encodings))("%s rows of the oracle", (kind) => {
  const encoding = encodingOf(kind, golden.width);
  const expected = golden.encodings[kind] as EncodedCase; // kind is a key of it
  const values = floats(base64(golden.values));
  const rowBytes = encodedRowBytes(encoding);

  it("encode byte for byte", () => {
    const out = unaligned(new Uint8Array((values.length / golden.width) * rowBytes));
    encodeRows(encoding, values, out);
    const rows = base64(expected.rows);
    for (let at = 0; at < rows.length; at += rowBytes) {
      expect([at / rowBytes, ...out.subarray(at, at + rowBytes)]).toEqual([
        at / rowBytes,
        ...rows.subarray(at, at + rowBytes),
      ]);
    }
  });

  it("decode bit for bit", () => {
    expect(float32Bits(decoded(encoding, base64(expected.rows)))).toEqual(
      float32Bits(floats(base64(expected.decoded))),
    );
  });

  it("decode bit for bit where the bytes are any", () => {
    const foreign = base64(expected.foreign);
    const whole = foreign.subarray(0, foreign.length - (foreign.length % rowBytes));
    expect(sha256(bytesOf(float32Bits(decoded(encoding, whole))))).toBe(expected.foreignDecodedSha256);
  });
});

describe.each(ROW_ENCODING_KINDS)("%s", (kind) => {
  const width = WIDTHS[kind];
  const encoding = encodingOf(kind, width, 0.37);
  const rowBytes = encodedRowBytes(encoding);

  it.each([0, 1, 2, 17])("decodes %d rows of any bytes to what each gives alone", (count) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: count * rowBytes, maxLength: count * rowBytes }), (rows) => {
        const all = float32Bits(decoded(encoding, rows));
        expect(all.length).toBe(count * width);
        for (let row = 0; row < count; row++) {
          const alone = decoded(encoding, rows.slice(row * rowBytes, (row + 1) * rowBytes));
          expect(float32Bits(alone)).toEqual(all.slice(row * width, (row + 1) * width));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("reads and writes shared memory", () => {
    const rows = new Uint8Array(new SharedArrayBuffer(rowBytes * 2));
    rows.set(Uint8Array.from({ length: rowBytes * 2 }, (_, i) => (i * 37) % 120));
    const out = new Float32Array(new SharedArrayBuffer(width * 2 * 4));
    decodeRows(encoding, rows, out);
    expect(Array.from(out)).toEqual(Array.from(decoded(encoding, rows.slice())));
    const again = new Uint8Array(new SharedArrayBuffer(rowBytes * 2));
    encodeRows(
      encoding,
      Float32Array.from({ length: width * 2 }, (_, i) => i),
      again,
    );
    expect(again.some((byte) => byte !== 0)).toBe(true);
  });

  it("reads values that start inside their buffer", () => {
    const values = shiftedFloats(width * 2).map((_, i) => i - width);
    const shifted = shiftedFloats(width * 2);
    shifted.set(values);
    const [expected, found] = [new Uint8Array(rowBytes * 2), new Uint8Array(rowBytes * 2)];
    encodeRows(encoding, values, expected);
    encodeRows(encoding, shifted, found);
    expect(found).toEqual(expected);
  });

  it("touches nothing outside its output", () => {
    const buffer = new Float32Array(width * 2 + 2).fill(7);
    decodeRows(encoding, new Uint8Array(rowBytes * 2), buffer.subarray(1, -1));
    expect([buffer[0], buffer.at(-1)]).toEqual([7, 7]);
    const bytes = new Uint8Array(rowBytes * 2 + 2).fill(7);
    encodeRows(encoding, new Float32Array(width * 2), bytes.subarray(1, -1));
    expect([bytes[0], bytes.at(-1)]).toEqual([7, 7]);
  });

  it.each([-1, 1])("refuses lengths that are off by %d", (off) => {
    const rows = new Uint8Array(rowBytes * 2);
    const values = new Float32Array(width * 2);
    const code = (run: () => void): unknown => {
      try {
        run();
      } catch (error) {
        return isEngramError(error) ? error.code : error;
      }
      return "nothing thrown";
    };
    expect(code(() => decodeRows(encoding, new Uint8Array(rows.length + off), values))).toBe("invalid-argument");
    expect(code(() => decodeRows(encoding, rows, new Float32Array(values.length + off)))).toBe("output-length");
    expect(code(() => encodeRows(encoding, new Float32Array(values.length + off), rows))).toBe("invalid-argument");
    expect(code(() => encodeRows(encoding, values, new Uint8Array(rows.length + off)))).toBe("output-length");
    expect(code(() => decodeRows(encoding, [...rows] as unknown as Uint8Array, values))).toBe("invalid-argument");
    expect(code(() => encodeRows(encoding, [...values] as unknown as Float32Array, rows))).toBe("invalid-argument");
  });
});
