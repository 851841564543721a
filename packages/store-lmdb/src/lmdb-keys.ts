// The keys of an environment: a byte for the kind of record, then for rows two 32-bit numbers, big-endian so that they
// sort as numbers: the table's id and the block or row. All records lie in one unnamed LMDB database, since opening a
// named one ends lmdb-js's current read transaction, and with it the snapshots that tickets rely on.

/** What a record is. */
export const KIND = { meta: 1, block: 2, patch: 3, cached: 4 } as const;

export type RowKind = typeof KIND.block | typeof KIND.patch | typeof KIND.cached;

/** The key of a named record. */
export function metaKey(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const key = new Uint8Array(1 + text.length);
  key[0] = KIND.meta;
  key.set(text, 1);
  return key;
}

/** The key of a block or row. */
export function rowKey(kind: RowKind, table: number, index: number): Uint8Array {
  const key = new Uint8Array(9);
  writeRowKey(key, kind, table, index);
  return key;
}

/** Overwrites a key of 9 bytes, for loops that keep one. */
export function writeRowKey(key: Uint8Array, kind: RowKind, table: number, index: number): void {
  key[0] = kind;
  key[1] = table >>> 24;
  key[2] = table >>> 16;
  key[3] = table >>> 8;
  key[4] = table;
  key[5] = index >>> 24;
  key[6] = index >>> 16;
  key[7] = index >>> 8;
  key[8] = index;
}

/** The block or row of a key. */
export function keyIndex(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(5);
}

/** The keys of one table, as the bounds of a range: the start belongs to it, the end does not. */
export function tableRange(kind: RowKind, table: number): { readonly start: Uint8Array; readonly end: Uint8Array } {
  return { start: rowKey(kind, table, 0), end: rowKey(kind, table + 1, 0) };
}
