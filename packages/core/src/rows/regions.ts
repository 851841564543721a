// Published tables keep a row's values and its scales in two tensors; rows here keep them together, so that one read
// fetches both. These two functions go from one layout to the other, byte for byte; nothing is decoded.

import { EngramError } from "../errors.js";
import { encodedRowBytes, type RowEncoding, rowScaleBytes } from "./encoding.js";

/** Rows in two regions, as published checkpoints hold them. */
export interface RowRegions {
  /** The values of all rows, `[n, rowValueBytes]`. */
  readonly values: Uint8Array;
  /** The scales of all rows, `[n, rowScaleBytes]`; empty where the encoding keeps none in its rows. */
  readonly scales: Uint8Array;
}

/**
 * Puts each row's scales behind its values.
 * @param out takes the packed rows, `[n, rowBytes]`; must overlap neither region.
 * @throws EngramError `invalid-argument` where the encoding is none, or the regions are not of equally many rows;
 * `output-length` where `out` is not of that many rows.
 */
export function interleaveRows(encoding: RowEncoding, regions: RowRegions, out: Uint8Array): void {
  const { values, scales } = regions;
  const layout = checkRegions(encoding, regions, out, "interleaveRows");
  const { rowBytes, valueBytes, scaleBytes } = layout;
  for (let row = 0; row < layout.rows; row++) {
    const at = row * rowBytes;
    out.set(values.subarray(row * valueBytes, (row + 1) * valueBytes), at);
    if (scaleBytes > 0) out.set(scales.subarray(row * scaleBytes, (row + 1) * scaleBytes), at + valueBytes);
  }
}

/**
 * Takes packed rows apart; the inverse of {@link interleaveRows}.
 * @param rows packed rows, `[n, rowBytes]`.
 * @param out takes values and scales; must not overlap `rows`.
 * @throws EngramError as {@link interleaveRows}.
 */
export function splitRows(encoding: RowEncoding, rows: Uint8Array, out: RowRegions): void {
  const layout = checkRegions(encoding, out, rows, "splitRows");
  const { rowBytes, valueBytes, scaleBytes } = layout;
  for (let row = 0; row < layout.rows; row++) {
    const scalesAt = row * rowBytes + valueBytes;
    out.values.set(rows.subarray(row * rowBytes, scalesAt), row * valueBytes);
    if (scaleBytes > 0) out.scales.set(rows.subarray(scalesAt, scalesAt + scaleBytes), row * scaleBytes);
  }
}

interface Layout {
  readonly rows: number;
  readonly rowBytes: number;
  readonly valueBytes: number;
  readonly scaleBytes: number;
}

function checkRegions(encoding: RowEncoding, regions: RowRegions, packed: Uint8Array, operation: string): Layout {
  const rowBytes = encodedRowBytes(encoding);
  const scaleBytes = rowScaleBytes(encoding);
  const valueBytes = rowBytes - scaleBytes;
  const { values, scales } = regions;
  if (!(values instanceof Uint8Array && scales instanceof Uint8Array && packed instanceof Uint8Array)) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: "values, scales and rows must be Uint8Arrays",
    });
  }
  const rows = values.length / valueBytes;
  if (!Number.isInteger(rows) || scales.length !== rows * scaleBytes) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `values has ${values.length} bytes and scales ${scales.length}; ${encoding.kind} rows of ${encoding.width} have ${valueBytes} and ${scaleBytes} each`,
      context: { valueBytes, scaleBytes },
    });
  }
  if (packed.length !== rows * rowBytes) {
    throw new EngramError({
      code: "output-length",
      operation,
      message: `the packed rows have ${packed.length} bytes, and ${rows} rows need exactly ${rows * rowBytes}`,
      context: { expected: rows * rowBytes },
    });
  }
  return { rows, rowBytes, valueBytes, scaleBytes };
}
