// The distinct rows of a list of row ids, in ascending order, by one radix sort: faster than a hash table, good for stores
// that keep rows in order, and without an allocation for a row. Not here: what the rows hold.

/** Bits of a sort's pass: its counters stay in the fastest cache. */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;

const counters = new Uint32Array(DIGITS);
/** Ids and where they were, as they are before and after a pass; shared by all tables, used within one call. */
let work = [0, 0, 0, 0].map(() => new Uint32Array(0)) as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];

/**
 * Finds distinct rows.
 * @param rowIds duplicates as they come, below `rows`.
 * @param rows of the table.
 * @param ids gets the distinct ids, ascending; as long as `rowIds` at least.
 * @param places gets, for each of `rowIds`, where its id is in `ids`; as long as `rowIds`.
 * @returns how many distinct ids there are.
 */
export function distinctRows(rowIds: Uint32Array, rows: number, ids: Uint32Array, places: Uint32Array): number {
  const { length } = rowIds;
  if (length === 0) return 0;
  if (work[0].length < length) {
    const longer = 2 ** Math.ceil(Math.log2(length));
    work = [longer, longer, longer, longer].map((size) => new Uint32Array(size)) as typeof work; // four again
  }
  let [from, fromAt, to, toAt] = work;
  from.set(rowIds);
  for (let i = 0; i < length; i++) fromAt[i] = i;
  for (let shift = 0; shift < 32 && (rows - 1) >>> shift !== 0; shift += DIGIT_BITS) {
    counters.fill(0);
    for (let i = 0; i < length; i++) {
      const digit = ((from[i] as number) >>> shift) & (DIGITS - 1); // i < length
      counters[digit] = (counters[digit] as number) + 1; // digits are below DIGITS
    }
    for (let digit = 0, sum = 0; digit < DIGITS; digit++) {
      const count = counters[digit] as number; // as above
      counters[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < length; i++) {
      const id = from[i] as number; // as above
      const digit = (id >>> shift) & (DIGITS - 1);
      const at = counters[digit] as number; // as above
      counters[digit] = at + 1;
      to[at] = id;
      toAt[at] = fromAt[i] as number; // as above
    }
    [from, fromAt, to, toAt] = [to, toAt, from, fromAt];
  }
  let last = from[0] as number; // length is 1 at least
  let count = 0;
  ids[0] = last;
  for (let i = 0; i < length; i++) {
    const id = from[i] as number; // as above
    if (id !== last) {
      count++;
      ids[count] = id;
      last = id;
    }
    places[fromAt[i] as number] = count; // as above
  }
  return count + 1;
}

/**
 * Finds the ids that two ascending lists share.
 * @param inFirst gets their places in the first list, `inSecond` in the second; as long as the shorter list at least.
 * @returns how many there are.
 */
export function sharedRows(
  first: Uint32Array,
  second: Uint32Array,
  inFirst: Uint32Array,
  inSecond: Uint32Array,
): number {
  let count = 0;
  for (let a = 0, b = 0; a < first.length && b < second.length; ) {
    const left = first[a] as number; // a and b are in range
    const right = second[b] as number;
    if (left === right) {
      inFirst[count] = a;
      inSecond[count] = b;
      count++;
    }
    if (left <= right) a++;
    if (right <= left) b++;
  }
  return count;
}
