// Undoes the block scaling of published fp8 matrices: each square of 32 x 32 values shares one power of two. The
// products are exact in float32. Not here: scales of table rows, which are part of a row's encoding.

import type { FloatArray } from "./rms-norm.js";

/** Rows and columns that share one scale. */
const SCALE_BLOCK = 32;

/** The shape of the scales of a `[rows, columns]` matrix. */
export function blockScaleShape(rows: number, columns: number): readonly [number, number] {
  return [Math.ceil(rows / SCALE_BLOCK), Math.ceil(columns / SCALE_BLOCK)];
}

/** `weight` `[rows, columns]` times its blocks' scales, as a fresh float32 matrix. */
export function applyBlockScale(weight: FloatArray, scale: FloatArray, rows: number, columns: number): Float32Array {
  const [, blocks] = blockScaleShape(rows, columns);
  const scaled = new Float32Array(weight.length);
  for (let r = 0; r < rows; r++) {
    const blockRow = Math.floor(r / SCALE_BLOCK) * blocks;
    for (let c = 0; c < columns; c++) {
      const at = r * columns + c;
      scaled[at] = (weight[at] ?? 0) * (scale[blockRow + Math.floor(c / SCALE_BLOCK)] ?? 0);
    }
  }
  return scaled;
}
