// Rows made from (seed, row id) alone, for tests, benchmarks and demonstrations: any row can be made, and so verified,
// without the others. Values are finite, not zero, and small: |v| from 2^-7 to 2^-3 in f32, f16, bf16 and fp8 with block
// scales, as in trained embeddings; so a row of zeros or a lost scale is never mistaken for a right row.
// The bytes are the same on every machine. Not here: real weights, and randomness fit for initialising a model.
//
// A row is two runs of 32-bit little-endian words, values then scales, each cut to its bytes. Word w is
// finish(key(seed, row) + w * STEP), its sign, mantissa and low exponent bits kept and the other exponent bits fixed.

import { EngramError } from "../errors.js";
import { E8M0_BLOCK } from "./encoding.js";
import type { TableInfo } from "./table.js";

/** Which bits of a word are random, and what the others are. */
interface WordPattern {
  readonly mask: number;
  readonly fixed: number;
}

/** How the bytes of one row are made. */
interface RowPattern {
  readonly valueBytes: number;
  readonly values: WordPattern;
  readonly scaleBytes: number;
  readonly scales: WordPattern;
}

const STEP = 0x9e37_79b9;
const RANDOM: WordPattern = { mask: -1, fixed: 0 };
const NONE: WordPattern = { mask: 0, fixed: 0 };

function rowPattern(table: TableInfo): RowPattern {
  const { kind, width } = table.encoding;
  const unscaled = { scaleBytes: 0, scales: NONE };
  switch (kind) {
    case "f32": // exponent 120..123: 2^-7 <= |v| < 2^-3
      return { valueBytes: width * 4, values: { mask: 0x81ff_ffff, fixed: 0x3c00_0000 }, ...unscaled };
    case "bf16": // the same exponents
      return { valueBytes: width * 2, values: { mask: 0x81ff_81ff, fixed: 0x3c00_3c00 }, ...unscaled };
    case "f16": // exponent 8..11: the same magnitudes
      return { valueBytes: width * 2, values: { mask: 0x8fff_8fff, fixed: 0x2000_2000 }, ...unscaled };
    case "int8": // a float32 scale of 2^-10 to 2^-9
      return {
        valueBytes: width,
        values: RANDOM,
        scaleBytes: 4,
        scales: { mask: 0x007f_ffff, fixed: 0x3a80_0000 },
      };
    case "fp8-e4m3": // exponent 4..7: 2^-3 <= |v| < 2, times the table's scale
      return { valueBytes: width, values: { mask: 0x9f9f_9f9f, fixed: 0x2020_2020 }, ...unscaled };
    case "fp8-e4m3-e8m0": // the same, times 2^-7 to 2^-4
      return {
        valueBytes: width,
        values: { mask: 0x9f9f_9f9f, fixed: 0x2020_2020 },
        scaleBytes: width / E8M0_BLOCK,
        scales: { mask: 0x0303_0303, fixed: 0x7878_7878 },
      };
  }
}

/** A 32-bit bijection in which every input bit reaches every output bit. */
function finish(word: number): number {
  let x = word ^ (word >>> 16);
  x = Math.imul(x, 0x7feb_352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846c_a68b);
  return x ^ (x >>> 16);
}

/** Different rows of one seed have different keys. */
function rowKey(seed: number, row: number): number {
  return finish(row ^ finish(seed ^ 0x5bd1_e995));
}

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * Fills `out` with the rows from `firstRow` on, at more than 1 GB/s where rows are whole 32-bit words.
 * @param seed a whole number from 0 to 2^32 - 1.
 * @param firstRow the id of the first row in `out`.
 * @param out `[n, rowBytes]` bytes; `firstRow + n` is at most `table.rows`.
 * @throws EngramError `invalid-argument`, `row-out-of-range`, `output-length`.
 */
export function fillRows(table: TableInfo, seed: number, firstRow: number, out: Uint8Array): void {
  const operation = "fillRows";
  checkSeed(seed, operation);
  if (!(out instanceof Uint8Array) || out.length % table.rowBytes !== 0) {
    throw new EngramError({
      code: "output-length",
      operation,
      message: `the output must be a Uint8Array of whole rows, a multiple of ${table.rowBytes} bytes`,
    });
  }
  const count = out.length / table.rowBytes;
  if (!Number.isInteger(firstRow) || firstRow < 0 || firstRow + count > table.rows) {
    throw new EngramError({
      code: "row-out-of-range",
      operation,
      message: `rows ${firstRow} to ${firstRow + count - 1} are not all in the table of ${table.rows} rows`,
      context: { firstRow, count, rows: table.rows },
    });
  }
  const pattern = rowPattern(table);
  const wholeWords = pattern.valueBytes % 4 === 0 && pattern.scaleBytes % 4 === 0 && out.byteOffset % 4 === 0;
  if (wholeWords && LITTLE_ENDIAN) {
    fillWords(pattern, seed, firstRow, count, new Uint32Array(out.buffer, out.byteOffset, out.length / 4));
  } else {
    for (let row = 0; row < count; row++) {
      fillBytes(pattern, rowKey(seed, firstRow + row), out, row * table.rowBytes);
    }
  }
}

function fillWords(pattern: RowPattern, seed: number, firstRow: number, count: number, out: Uint32Array): void {
  const valueWords = pattern.valueBytes / 4;
  const scaleWords = pattern.scaleBytes / 4;
  const { mask, fixed } = pattern.values;
  const { mask: scaleMask, fixed: scaleFixed } = pattern.scales;
  let at = 0;
  for (let row = 0; row < count; row++) {
    let word = rowKey(seed, firstRow + row);
    for (const end = at + valueWords; at < end; at++) {
      // finish(), written out: V8 does not always inline it into this loop
      let x = word ^ (word >>> 16);
      x = Math.imul(x, 0x7feb_352d);
      x ^= x >>> 15;
      x = Math.imul(x, 0x846c_a68b);
      out[at] = ((x ^ (x >>> 16)) & mask) | fixed;
      word = (word + STEP) | 0;
    }
    for (const end = at + scaleWords; at < end; at++) {
      out[at] = (finish(word) & scaleMask) | scaleFixed;
      word = (word + STEP) | 0;
    }
  }
}

/** The definition, byte by byte: for rows of any size, at any offset, on any machine. */
function fillBytes(pattern: RowPattern, key: number, out: Uint8Array, offset: number): void {
  const { valueBytes, scaleBytes, values, scales } = pattern;
  for (let i = 0; i < valueBytes; i++) {
    const word = (finish((key + Math.imul(i >> 2, STEP)) | 0) & values.mask) | values.fixed;
    out[offset + i] = word >>> ((i & 3) * 8);
  }
  const firstScale = Math.ceil(valueBytes / 4);
  for (let i = 0; i < scaleBytes; i++) {
    const word = (finish((key + Math.imul(firstScale + (i >> 2), STEP)) | 0) & scales.mask) | scales.fixed;
    out[offset + valueBytes + i] = word >>> ((i & 3) * 8);
  }
}

/**
 * All rows of a table, in order.
 * @returns `[rows, rowBytes]` bytes.
 * @throws EngramError `invalid-argument`.
 */
export function deterministicRows(table: TableInfo, seed: number): Uint8Array {
  const out = new Uint8Array(table.rows * table.rowBytes);
  fillRows(table, seed, 0, out);
  return out;
}

/**
 * Whether `bytes` are the row that {@link fillRows} makes for this id.
 * @throws EngramError `invalid-argument`.
 */
export function verifyRow(table: TableInfo, seed: number, row: number, bytes: Uint8Array): boolean {
  return bytes.length === table.rowBytes && findWrongRow(table, seed, Uint32Array.of(row), bytes) === -1;
}

/**
 * Looks through gathered rows for one that is not what {@link fillRows} makes for its id.
 * @param bytes `[rowIds.length, rowBytes]`.
 * @returns the index in `rowIds` of the first wrong row, or -1.
 * @throws EngramError `invalid-argument`, `output-length`.
 */
export function findWrongRow(table: TableInfo, seed: number, rowIds: Uint32Array, bytes: Uint8Array): number {
  const operation = "findWrongRow";
  checkSeed(seed, operation);
  const { rowBytes } = table;
  if (bytes.length !== rowIds.length * rowBytes) {
    throw new EngramError({
      code: "output-length",
      operation,
      message: `${rowIds.length} rows are ${rowIds.length * rowBytes} bytes, and ${bytes.length} were given`,
    });
  }
  const pattern = rowPattern(table);
  const expected = new Uint8Array(rowBytes);
  for (let index = 0; index < rowIds.length; index++) {
    fillBytes(pattern, rowKey(seed, rowIds[index] as number), expected, 0); // index < length
    for (let i = 0; i < rowBytes; i++) {
      if (bytes[index * rowBytes + i] !== expected[i]) return index;
    }
  }
  return -1;
}

function checkSeed(seed: number, operation: string): void {
  if (Number.isInteger(seed) && seed >= 0 && seed <= 0xffff_ffff) return;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: `the seed is ${String(seed)}; use a whole number from 0 to ${0xffff_ffff}`,
  });
}
