// Row id -> slot, for a fixed number of slots: open addressing with linear probing in one typed array, at most half
// full, entries shifted back on removal, so no tombstones and no allocation after construction. Row and slot lie side by
// side: a look-up touches one cache line nearly always.

/** A map from row ids below 2^32 - 1 to slots. */
export interface ClockIndex {
  /** The slot of a row, or -1. */
  find(row: number): number;
  /** Adds a row that is not in the index. */
  add(row: number, slot: number): void;
  /** Removes a row that is in the index. */
  remove(row: number): void;
}

/** An empty index for at most `slots` rows; takes 16 to 32 bytes a slot. */
export function clockIndex(slots: number): ClockIndex {
  const bits = 32 - Math.clz32(2 * slots - 1);
  const capacity = 2 ** bits;
  const mask = capacity - 1;
  const shift = 32 - bits;
  const entries = new Uint32Array(2 * capacity); // [capacity, (row, slot + 1)]; slot + 1 is 0 where the place is free

  // Below, every index is masked to the array, so the casts from `number | undefined` are sound.
  const home = (row: number): number => Math.imul(row, 0x9e37_79b1) >>> shift; // Fibonacci hashing: ids come in runs

  return {
    find(row) {
      for (let at = home(row); ; at = (at + 1) & mask) {
        const slot = entries[2 * at + 1] as number;
        if (slot === 0) return -1;
        if (entries[2 * at] === row) return slot - 1;
      }
    },
    add(row, slot) {
      let at = home(row);
      while (entries[2 * at + 1] !== 0) at = (at + 1) & mask;
      entries[2 * at] = row;
      entries[2 * at + 1] = slot + 1;
    },
    remove(row) {
      let gap = home(row);
      while (entries[2 * gap] !== row || entries[2 * gap + 1] === 0) gap = (gap + 1) & mask;
      for (let at = (gap + 1) & mask; entries[2 * at + 1] !== 0; at = (at + 1) & mask) {
        // an entry may move back into the gap only where its home is not behind the gap
        const fromHome = (at - home(entries[2 * at] as number)) & mask;
        if (fromHome < ((at - gap) & mask)) continue;
        entries[2 * gap] = entries[2 * at] as number;
        entries[2 * gap + 1] = entries[2 * at + 1] as number;
        gap = at;
      }
      entries[2 * gap + 1] = 0;
    },
  };
}
