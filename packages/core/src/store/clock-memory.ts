// The memory of a slab of rows: slots of one row each, in as few buffers as the engine allows. Copies rows in and out
// many at a time; nothing is allocated per row. Which row is in which slot is clock-slab.ts's business.
//
// Latency is the limit: gathering touches the rows of a group before it copies them, so that the loads overlap
// (benchmark `cache`). Whole 32-bit words are copied where row size and alignment allow, bytes otherwise, and long rows
// by `set`, whose call is then worth its cost.

/** Slots that hold one row each; callers pass slots below `slots` only. */
export interface ClockMemory {
  /** Copies row i of `rows` to slot `slots[i]`, for all i but those whose slot is {@link NO_SLOT}. */
  write(slots: Uint32Array, count: number, rows: Uint8Array): void;
  /** Copies the rows in `slots[first]` to `slots[end - 1]` to `out`, one after the other. */
  gather(slots: Uint32Array, first: number, end: number, out: Uint8Array): void;
}

/** Stands for "no slot" in a list of slots. */
export const NO_SLOT = 0xffff_ffff;

/** Most bytes in one buffer: engines refuse single buffers of several GiB. */
const SEGMENT_BYTES = 2 ** 30;
const GROUP = 16;
const LONG_ROW_BYTES = 1024;

/** Memory for `slots` rows of `rowBytes` bytes, zeroed. */
export function clockMemory(slots: number, rowBytes: number): ClockMemory {
  const shift = Math.floor(Math.log2(Math.max(1, SEGMENT_BYTES / rowBytes)));
  const segmentSlots = 2 ** shift;
  const mask = segmentSlots - 1;
  const segments: Uint8Array[] = [];
  for (let left = slots; left > 0; left -= segmentSlots) {
    segments.push(new Uint8Array(Math.ceil((Math.min(left, segmentSlots) * rowBytes) / 4) * 4));
  }
  const words = segments.map(({ buffer }) => new Int32Array(buffer));
  const rowWords = rowBytes % 4 === 0 && rowBytes < LONG_ROW_BYTES ? rowBytes / 4 : 0;
  const touched = new Int32Array(1); // keeps the touching loads alive

  // Below, slots and places are in range by the caller's word, so the casts from `T | undefined` are sound.
  const gatherWords = (list: Uint32Array, first: number, end: number, out: Int32Array): void => {
    let to = 0;
    let seen = 0;
    for (let group = first; group < end; group += GROUP) {
      const groupEnd = Math.min(group + GROUP, end);
      for (let i = group; i < groupEnd; i++) {
        const slot = list[i] as number;
        const row = words[slot >>> shift] as Int32Array;
        const base = (slot & mask) * rowWords;
        for (let at = base; at < base + rowWords; at += 16) seen ^= row[at] as number;
      }
      for (let i = group; i < groupEnd; i++) {
        const slot = list[i] as number;
        const row = words[slot >>> shift] as Int32Array;
        const base = (slot & mask) * rowWords;
        for (let at = base; at < base + rowWords; at++) out[to++] = row[at] as number;
      }
    }
    touched[0] = seen;
  };

  const gatherBytes = (list: Uint32Array, first: number, end: number, out: Uint8Array): void => {
    for (let i = first; i < end; i++) {
      const slot = list[i] as number;
      const row = segments[slot >>> shift] as Uint8Array;
      const base = (slot & mask) * rowBytes;
      const to = (i - first) * rowBytes;
      if (rowBytes >= LONG_ROW_BYTES) out.set(row.subarray(base, base + rowBytes), to);
      else for (let at = 0; at < rowBytes; at++) out[to + at] = row[base + at] as number;
    }
  };

  return {
    gather(list, first, end, out) {
      if (rowWords > 0 && out.byteOffset % 4 === 0) {
        gatherWords(list, first, end, new Int32Array(out.buffer, out.byteOffset, (end - first) * rowWords));
      } else {
        gatherBytes(list, first, end, out);
      }
    },
    write(list, count, rows) {
      const from = rowWords > 0 && rows.byteOffset % 4 === 0 ? wordsOf(rows, count * rowWords) : undefined;
      for (let i = 0; i < count; i++) {
        const slot = list[i] as number;
        if (slot === NO_SLOT) continue;
        const segment = slot >>> shift;
        if (from === undefined) {
          (segments[segment] as Uint8Array).set(
            rows.subarray(i * rowBytes, (i + 1) * rowBytes),
            (slot & mask) * rowBytes,
          );
          continue;
        }
        const row = words[segment] as Int32Array;
        const base = (slot & mask) * rowWords;
        for (let at = 0; at < rowWords; at++) row[base + at] = from[i * rowWords + at] as number;
      }
    },
  };
}

function wordsOf(bytes: Uint8Array, count: number): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, count);
}
