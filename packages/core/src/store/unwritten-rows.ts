// The memory of a store that writes later: the newest contents of rows, which of them the store behind does not have yet,
// and when each was last changed. A slab with an open hash table; nothing is allocated for a row. Not here: the store.

import { EngramError } from "../errors.js";
import type { TableInfo } from "../rows/table.js";

/** Rows in memory. */
export interface UnwrittenRows {
  /** How many rows it holds at most. */
  readonly capacity: number;
  /** How many more it has room for. */
  readonly room: number;
  /** Where a row is; -1 where it is not here. */
  find(row: number): number;
  /** Copies the rows in slots to `out`, `[slots, rowBytes]`. */
  copy(slots: Uint32Array, out: Uint8Array): void;
  /** Takes `rows`, `[rowIds, rowBytes]`, as the newest contents of rows, for which there is room; `stamp` is the newest. */
  put(rowIds: Uint32Array, rows: Uint8Array, stamp: number): void;
  /** Rows that the store behind lacks, ascending, of the slots that are named, or all. */
  unwritten(slots?: Uint32Array): Uint32Array;
  /** The store behind has all rows as they are here. */
  written(): void;
  /** The slots of at least `count` rows that were changed the longest ago. */
  oldest(count: number): Uint32Array;
  /** Forgets what is in slots. */
  forget(slots: Uint32Array): void;
}

const NONE = 0xffff_ffff;
/** Besides the row: its id, stamp, place in the list of free slots, and two to four pairs of the hash table. */
const SLOT_BYTES = 44;

/**
 * Memory for as many rows as `bytes` hold.
 * @throws EngramError `invalid-argument` where they hold none, `out-of-memory`.
 */
export function unwrittenRows(table: TableInfo, bytes: number, operation: string): UnwrittenRows {
  const { rowBytes } = table;
  const capacity = Math.min(table.rows, Math.floor(bytes / (rowBytes + SLOT_BYTES)));
  if (!(capacity >= 1)) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `bytes is ${String(bytes)}, and a row with its place takes ${rowBytes + SLOT_BYTES}; give room for one row at least`,
    });
  }
  let slab: Uint8Array;
  try {
    slab = new Uint8Array(capacity * rowBytes);
  } catch (cause) {
    const message = `the platform refused ${capacity * rowBytes} bytes for rows; give fewer`;
    throw new EngramError({ code: "out-of-memory", operation, message, cause });
  }
  const rowOf = new Uint32Array(capacity).fill(NONE);
  const stamps = new Uint32Array(capacity);
  // Pairs of a row and its slot, in the order of rows but for what collides: lists of rows come sorted, and are then found
  // one after the other in memory (commits take half the time that they take with a table that scatters them).
  const index = new Uint32Array(2 * 2 ** Math.ceil(Math.log2(2 * capacity))).fill(NONE);
  const mask = index.length - 1;
  const free = Uint32Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
  let room = capacity;
  let cleanUpTo = -1; // rows with a later stamp are not written

  /** The place of a row in the index, or the empty one where it belongs. */
  const placeOf = (row: number): number => {
    let place = ((row << 1) & mask) >>> 0;
    while (index[place] !== row && index[place + 1] !== NONE) place = (place + 2) & mask;
    return place;
  };
  // Words are copied one by one, which for rows of this size is several times as fast as `set`.
  const words = rowBytes % 4 === 0 && rowBytes <= 512 ? new Uint32Array(slab.buffer) : undefined;
  const wordsOf = (bytes: Uint8Array): Uint32Array | undefined =>
    words === undefined || bytes.byteOffset % 4 !== 0
      ? undefined
      : new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const copyRow = (from: Uint32Array, fromRow: number, to: Uint32Array, toRow: number): void => {
    const length = rowBytes / 4;
    for (let i = 0, at = fromRow * length, into = toRow * length; i < length; i++, at++, into++) {
      to[into] = from[at] as number; // within the row
    }
  };
  return {
    capacity,
    get room() {
      return room;
    },
    find(row) {
      const slot = index[placeOf(row) + 1] as number; // places are within the index
      return slot === NONE ? -1 : slot;
    },
    copy(slots, out) {
      const into = wordsOf(out);
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i] as number; // i < length
        if (words !== undefined && into !== undefined) copyRow(words, slot, into, i);
        else out.set(slab.subarray(slot * rowBytes, (slot + 1) * rowBytes), i * rowBytes);
      }
    },
    put(rowIds, rows, stamp) {
      const from = wordsOf(rows);
      for (let i = 0; i < rowIds.length; i++) {
        const row = rowIds[i] as number; // i < length
        const place = placeOf(row);
        let slot = index[place + 1] as number; // as above
        if (slot === NONE) {
          slot = free[--room] as number; // the caller saw to room
          index[place] = row;
          index[place + 1] = slot;
          rowOf[slot] = row;
        }
        stamps[slot] = stamp;
        if (words !== undefined && from !== undefined) copyRow(from, i, words, slot);
        else slab.set(rows.subarray(i * rowBytes, (i + 1) * rowBytes), slot * rowBytes);
      }
    },
    unwritten(slots) {
      const found: number[] = [];
      const look = (slot: number): void => {
        const row = rowOf[slot] as number; // slots are below the capacity
        if (row !== NONE && (stamps[slot] as number) > cleanUpTo) found.push(row);
      };
      if (slots === undefined) for (let slot = 0; slot < capacity; slot++) look(slot);
      else for (const slot of slots) look(slot);
      return Uint32Array.from(found).sort();
    },
    written() {
      for (const stamp of stamps) cleanUpTo = Math.max(cleanUpTo, stamp);
    },
    oldest(count) {
      const used: number[] = [];
      for (let slot = 0; slot < capacity; slot++) if (rowOf[slot] !== NONE) used.push(slot);
      const sorted = Uint32Array.from(used, (slot) => stamps[slot] as number).sort(); // as above
      const limit = sorted[Math.min(count, sorted.length) - 1] ?? 0;
      return Uint32Array.from(used.filter((slot) => (stamps[slot] as number) <= limit));
    },
    forget(slots) {
      for (const slot of slots) {
        if (rowOf[slot] === NONE) continue;
        rowOf[slot] = NONE;
        free[room++] = slot;
      }
      index.fill(NONE);
      for (let slot = 0; slot < capacity; slot++) {
        const row = rowOf[slot] as number; // as above
        if (row === NONE) continue;
        const place = placeOf(row);
        index[place] = row;
        index[place + 1] = slot;
      }
    },
  };
}
