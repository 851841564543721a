// The gradients of a table's rows, summed: a row that occurs many times in a step has one sum. Row ids go through an open
// hash table into places 0, 1, ... in the order of their first occurrence, so that equal steps give equal sums, bit for
// bit. Its arrays grow to the largest step and are used again: nothing is allocated for a row. Letters: w row width.

/** Distinct rows of a step, and what is known of them. */
export interface RowSums {
  /** Distinct rows so far. */
  readonly count: number;
  /** Their ids, `[count]`: a view that holds until the next call. */
  ids(): Uint32Array;
  /** Their values as they were when they were read, `[count, w]`: a view, as {@link ids}. */
  values(): Float32Array;
  /** Their gradients' sums, `[count, w]`: a view, as {@link ids}. */
  sums(): Float64Array;
  /**
   * Makes places for rows.
   * @param rowIds `[n]`, duplicates as they come.
   * @param values `[n, w]`, as they were read.
   * @returns the place of each, for {@link add}; the caller's own.
   */
  place(rowIds: Uint32Array, values: Float32Array): Uint32Array;
  /**
   * Adds gradients.
   * @param places as {@link place} gave them.
   * @param gradients `[n, w]`.
   */
  add(places: Uint32Array, gradients: Float32Array): void;
  /** Forgets all rows. */
  clear(): void;
}

const EMPTY = 0xffff_ffff;

/** Sums for rows of `width` values. */
export function rowSums(width: number): RowSums {
  let slots = new Uint32Array(1024).fill(EMPTY); // a power of two, of which half stays empty at least
  let ids = new Uint32Array(512);
  let values = new Float32Array(512 * width);
  let sums = new Float64Array(512 * width);
  let count = 0;

  const slotOf = (id: number): number => {
    const mask = slots.length - 1;
    let slot = scramble(id) & mask;
    for (let place = slots[slot]; place !== EMPTY && ids[place ?? 0] !== id; place = slots[slot]) {
      slot = (slot + 1) & mask;
    }
    return slot;
  };
  /** Room for all, should they be distinct. */
  const reserve = (more: number): void => {
    const needed = count + more;
    if (needed <= ids.length) return;
    const capacity = 2 ** Math.ceil(Math.log2(needed));
    const [oldIds, oldValues, oldSums] = [ids, values, sums];
    ids = new Uint32Array(capacity);
    values = new Float32Array(capacity * width);
    sums = new Float64Array(capacity * width);
    ids.set(oldIds.subarray(0, count));
    values.set(oldValues.subarray(0, count * width));
    sums.set(oldSums.subarray(0, count * width));
    slots = new Uint32Array(2 * capacity).fill(EMPTY);
    for (let place = 0; place < count; place++) slots[slotOf(ids[place] ?? 0)] = place;
  };

  return {
    get count() {
      return count;
    },
    ids: () => ids.subarray(0, count),
    values: () => values.subarray(0, count * width),
    sums: () => sums.subarray(0, count * width),
    place(rowIds, read) {
      reserve(rowIds.length);
      const places = new Uint32Array(rowIds.length);
      for (let i = 0; i < rowIds.length; i++) {
        const id = rowIds[i] ?? 0; // i < length
        const slot = slotOf(id);
        let place = slots[slot] ?? EMPTY;
        if (place === EMPTY) {
          place = count++;
          slots[slot] = place;
          ids[place] = id;
          const to = place * width;
          const from = i * width;
          for (let c = 0; c < width; c++) {
            values[to + c] = read[from + c] ?? 0;
            sums[to + c] = 0;
          }
        }
        places[i] = place;
      }
      return places;
    },
    add(places, gradients) {
      for (let i = 0; i < places.length; i++) {
        const to = (places[i] ?? 0) * width;
        const from = i * width;
        for (let c = 0; c < width; c++) sums[to + c] = (sums[to + c] ?? 0) + (gradients[from + c] ?? 0);
      }
    },
    clear() {
      count = 0;
      slots.fill(EMPTY);
    },
  };
}

/** Spreads ids that lie close together: a multiplication by 2^32 / golden ratio, its upper half folded down. */
function scramble(id: number): number {
  const product = Math.imul(id, 0x9e37_79b1);
  return product ^ (product >>> 15);
}
