// Decoding as the encodings are defined, one value at a time in float64: what a store's `decode` is compared with.
// Written apart from core's decoder on purpose; slow, and for rows without NaN or infinity.

import { E8M0_BLOCK, type RowEncoding, type TableInfo } from "@engram-ts/core";

/** Decodes whole rows, `[n, rowBytes]` bytes to `[n, width]` values. */
export function decodePlainly(table: TableInfo, rows: Uint8Array): Float32Array {
  const { encoding, rowBytes } = table;
  const count = rows.length / rowBytes;
  const out = new Float32Array(count * encoding.width);
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < encoding.width; i++) {
      out[row * encoding.width + i] = decodeValue(encoding, view, row * rowBytes, i);
    }
  }
  return out;
}

function decodeValue(encoding: RowEncoding, row: DataView, start: number, i: number): number {
  const { kind, width } = encoding;
  switch (kind) {
    case "f32":
      return row.getFloat32(start + i * 4, true);
    case "f16":
      return decodeFloat(row.getUint16(start + i * 2, true), 5, 10);
    case "bf16":
      return decodeFloat(row.getUint16(start + i * 2, true), 8, 7);
    case "int8":
      return row.getInt8(start + i) * row.getFloat32(start + width, true);
    case "fp8-e4m3":
      return decodeFloat(row.getUint8(start + i), 4, 3) * encoding.scale;
    case "fp8-e4m3-e8m0": {
      const scale = 2 ** (row.getUint8(start + width + Math.floor(i / E8M0_BLOCK)) - 127);
      return decodeFloat(row.getUint8(start + i), 4, 3) * scale;
    }
  }
}

/** A finite binary float of `1 + exponentBits + mantissaBits` bits. */
function decodeFloat(bits: number, exponentBits: number, mantissaBits: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >> (exponentBits + mantissaBits) === 0 ? 1 : -1;
  const exponent = (bits >> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}
