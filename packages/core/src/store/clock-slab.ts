// Rows in a fixed number of slots, replaced by CLOCK (second chance): a hand goes round over the slots and takes the
// first that is not pinned and was not looked up since the hand last passed. A row gets its second chance by being
// found, not by coming in, so one long prefill does not push out what decoding uses again and again.
// Pinned slots are never taken: who reads a slot later must hold a pin. Synchronous and without locks; not a store.

import { EngramError } from "../errors.js";
import type { TableInfo } from "../rows/table.js";
import { clockIndex } from "./clock-index.js";
import { type ClockMemory, clockMemory } from "./clock-memory.js";

/** A slab; see the functions for who may call what. */
export interface ClockSlab {
  readonly slots: number;
  readonly memory: ClockMemory;
  /** The slot of a row, marked as used, or -1. */
  find(row: number): number;
  /** Takes a slot for a row that is not found, pins it once and gives it, or -1 where every slot is pinned. */
  claim(row: number): number;
  /** Keeps a slot from being taken until it is unpinned as often. */
  pin(slot: number): void;
  unpin(slot: number): void;
  /** The row of a slot is not found any more; those who have it pinned read on. Does nothing the second time. */
  forget(slot: number): void;
}

/** Most slots of one slab: the index then takes 2 GiB in one typed array. */
const MAX_SLOTS = 2 ** 27;
const NO_ROW = 0xffff_ffff;

/**
 * A slab for as many rows of a table as `bytes` hold, at most the whole table and 2^27 rows.
 * @throws EngramError `invalid-argument` where not even one row fits; `out-of-memory`.
 */
export function clockSlab(table: TableInfo, bytes: number, operation: string): ClockSlab {
  const { rowBytes } = table;
  if (typeof bytes !== "number" || !Number.isSafeInteger(Math.floor(bytes)) || bytes < rowBytes) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `options.bytes is ${String(bytes)}; use the bytes for cached rows, at least ${rowBytes}, one row of this table`,
      context: { bytes, rowBytes },
    });
  }
  const slots = Math.min(Math.floor(bytes / rowBytes), table.rows, MAX_SLOTS);
  try {
    return slabOf(slots, table);
  } catch (cause) {
    throw new EngramError({
      code: "out-of-memory",
      operation,
      message: `${slots} rows of ${rowBytes} bytes could not be allocated; give a smaller options.bytes`,
      context: { slots, rowBytes },
      cause,
    });
  }
}

function slabOf(slots: number, table: TableInfo): ClockSlab {
  const index = clockIndex(slots);
  const rows = new Uint32Array(slots).fill(NO_ROW); // which row is found in a slot
  const pins = new Uint32Array(slots);
  const used = new Uint8Array(slots);
  let pinned = 0;
  let hand = 0;

  // Below, slots are in range, so the casts from `number | undefined` are sound.
  const forget = (slot: number): void => {
    if (rows[slot] === NO_ROW) return;
    index.remove(rows[slot] as number);
    rows[slot] = NO_ROW;
  };

  /** Ends: at least one slot is not pinned, and its mark is cleared in the first round at the latest. */
  const take = (): number => {
    for (;;) {
      const slot = hand;
      hand = hand + 1 === slots ? 0 : hand + 1;
      if (pins[slot] !== 0) continue;
      if (used[slot] === 0 || rows[slot] === NO_ROW) return slot;
      used[slot] = 0;
    }
  };

  return {
    slots,
    memory: clockMemory(slots, table),
    find(row) {
      const slot = index.find(row);
      if (slot >= 0) used[slot] = 1;
      return slot;
    },
    claim(row) {
      if (pinned === slots) return -1;
      const slot = take();
      forget(slot);
      rows[slot] = row;
      used[slot] = 0;
      index.add(row, slot);
      pins[slot] = 1;
      pinned++;
      return slot;
    },
    pin(slot) {
      if (pins[slot] === 0) pinned++;
      pins[slot] = (pins[slot] as number) + 1;
    },
    unpin(slot) {
      pins[slot] = (pins[slot] as number) - 1;
      if (pins[slot] === 0) pinned--;
    },
    forget,
  };
}
