// How one row of a table is written as bytes. Plain data and its arithmetic; decoding and encoding of values are in
// decode.ts and encode.ts. Little-endian throughout.

import { EngramError } from "../errors.js";

/**
 * How a row's `width` values are stored. In `int8` a float32 scale follows the row's values; in `fp8-e4m3-e8m0` one
 * E8M0 scale byte per 32 values follows them (the 264-byte row of DeepSeek-V4.1 for 256 values); in `fp8-e4m3` one
 * scale serves the whole table, used as a float32, and is not part of the row.
 */
export type RowEncoding =
  | { readonly kind: "f32" | "f16" | "bf16" | "int8" | "fp8-e4m3-e8m0"; readonly width: number }
  | { readonly kind: "fp8-e4m3"; readonly width: number; readonly scale: number };

/** The names of all row encodings. */
export const ROW_ENCODING_KINDS = ["f32", "f16", "bf16", "int8", "fp8-e4m3-e8m0", "fp8-e4m3"] as const;

/** Values that share one E8M0 scale. */
export const E8M0_BLOCK = 32;

/** Most values a row may have: far above any published table, low enough that sizes stay exact and allocations small. */
export const MAX_ROW_WIDTH = 65_536;

/**
 * Bytes of one encoded row, scales included.
 * @throws EngramError `invalid-argument` where the encoding is unknown or its width or scale is out of range.
 */
export function encodedRowBytes(encoding: RowEncoding): number {
  checkRowEncoding(encoding, "encodedRowBytes");
  const { kind, width } = encoding;
  switch (kind) {
    case "f32":
      return width * 4;
    case "f16":
    case "bf16":
      return width * 2;
    case "int8":
      return width + 4;
    case "fp8-e4m3-e8m0":
      return width + width / E8M0_BLOCK;
    case "fp8-e4m3":
      return width;
  }
}

/**
 * Bytes of one row's values, without its scales.
 * @throws EngramError as {@link encodedRowBytes}.
 */
export function rowValueBytes(encoding: RowEncoding): number {
  return encodedRowBytes(encoding) - rowScaleBytes(encoding);
}

/**
 * Bytes of one row's scales; 0 where a row has none.
 * @throws EngramError as {@link encodedRowBytes}.
 */
export function rowScaleBytes(encoding: RowEncoding): number {
  checkRowEncoding(encoding, "rowScaleBytes");
  if (encoding.kind === "int8") return 4;
  return encoding.kind === "fp8-e4m3-e8m0" ? encoding.width / E8M0_BLOCK : 0;
}

/**
 * Checks an encoding that came from outside.
 * @throws EngramError `invalid-argument`, naming the field, what it holds and what it may hold.
 */
export function checkRowEncoding(encoding: unknown, operation: string): asserts encoding is RowEncoding {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation, message });
  };
  if (typeof encoding !== "object" || encoding === null)
    refuse("the row encoding must be an object with kind and width");
  const { kind, width, scale } = encoding as { kind?: unknown; width?: unknown; scale?: unknown };
  if (!(ROW_ENCODING_KINDS as readonly unknown[]).includes(kind)) {
    refuse(`encoding.kind is ${shown(kind)}; use one of ${ROW_ENCODING_KINDS.join(", ")}`);
  }
  if (typeof width !== "number" || !Number.isInteger(width) || width < 1 || width > MAX_ROW_WIDTH) {
    refuse(`encoding.width is ${shown(width)}; use the number of values in a row, 1 to ${MAX_ROW_WIDTH}`);
  }
  if (kind === "fp8-e4m3-e8m0" && (width as number) % E8M0_BLOCK !== 0) {
    refuse(`encoding.width is ${shown(width)}; fp8-e4m3-e8m0 needs a multiple of ${E8M0_BLOCK}, one scale per block`);
  }
  if (kind === "fp8-e4m3" && !isFloat32Scale(scale)) {
    refuse(`encoding.scale is ${shown(scale)}; fp8-e4m3 needs the table's scale, a finite float32 above 0`);
  }
}

function isFloat32Scale(scale: unknown): boolean {
  return typeof scale === "number" && Number.isFinite(Math.fround(scale)) && Math.fround(scale) > 0;
}

/** A foreign value for a message: short, and safe whatever it is. */
function shown(found: unknown): string {
  if (typeof found === "string") return JSON.stringify(found.slice(0, 40));
  if (typeof found === "number" || typeof found === "boolean" || found === null) return String(found);
  return found === undefined ? "missing" : `of type ${typeof found}`;
}
