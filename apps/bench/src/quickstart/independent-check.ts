// The quickstart's second opinion. Row ids are hashed again the slow way, straight from the definition with BigInt, and
// rows are generated again from their ids. Shares no code with the paths that it checks, but for the generator of rows,
// which is also what filled the table.

import type { LayerAddressing, TableInfo } from "@engram-ts/core";
import { fillRows } from "@engram-ts/store-kit";

/** What a check looked at and found wrong. */
export interface CheckResult {
  readonly checked: number;
  readonly wrong: number;
}

/**
 * Hashes positions again: xor of (token of look-back k) * (multiplier k), modulo each head's prime, plus its offset.
 * @param rowIds `[tokens, rowsPerToken]`, of a sequence that begins at its start.
 * @param padId what a look-back before the start reads.
 */
export function checkRowIdsAgain(
  layer: LayerAddressing,
  ids: Uint32Array,
  rowIds: Uint32Array,
  padId: number,
  positions: Iterable<number>,
): CheckResult {
  const rowsPerToken = layer.primes.flat().length;
  let checked = 0;
  let wrong = 0;
  for (const position of positions) {
    const expected: bigint[] = [];
    let offset = 0n;
    layer.primes.forEach((primes, index) => {
      let mix = 0n;
      for (let back = 0; back <= index + 1; back++) {
        const token = BigInt(position - back >= 0 ? (ids[position - back] ?? 0) : padId);
        mix ^= BigInt.asIntN(64, token * (layer.multipliers[back] ?? 0n));
      }
      for (const prime of primes) {
        const modulus = BigInt(prime);
        expected.push((((mix % modulus) + modulus) % modulus) + offset);
        offset += modulus;
      }
    });
    expected.forEach((row, index) => {
      checked++;
      if (BigInt(rowIds[position * rowsPerToken + index] ?? -1) !== row) wrong++;
    });
  }
  return { checked, wrong };
}

/**
 * Generates rows again from their ids and compares every byte.
 * @param rows the gathered rows, in the order of `rowIds`.
 * @param indexes which of them to check.
 */
export function checkRowsAgain(
  table: TableInfo,
  seed: number,
  rowIds: Uint32Array,
  rows: Uint8Array,
  indexes: Iterable<number>,
): CheckResult {
  const expected = new Uint8Array(table.rowBytes);
  let checked = 0;
  let wrong = 0;
  for (const index of indexes) {
    fillRows(table, seed, rowIds[index] ?? 0, expected);
    const at = index * table.rowBytes;
    checked++;
    if (expected.some((byte, offset) => byte !== rows[at + offset])) wrong++;
  }
  return { checked, wrong };
}
