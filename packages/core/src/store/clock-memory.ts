// The memory of a slab of rows: slots of one row each. Copies and decodes rows many at a time; nothing is allocated per
// row. Which row is in which slot is clock-slab.ts's business.
//
// From 1 MiB to 3.5 GiB rows lie in a WebAssembly memory and go through its gather kernel, which keeps many loads in
// flight (benchmark `cache`: 2.8 times as fast for 48 rows, 1.9 for 65,536). Elsewhere JavaScript copies them, in as few buffers as the engine allows: it
// touches the rows of a group before it copies them, whole words where row size and alignment allow, bytes otherwise,
// and long rows by `set`, whose call is then worth its cost.

import { GATHER_SLACK_BYTES, type GatherKernel, wasmGatherKernel } from "../assembly/gather-kernel.js";
import { decodeRows } from "../rows/decode.js";
import type { TableInfo } from "../rows/table.js";

/** Slots that hold one row each; callers pass slots below `slots` only. */
export interface ClockMemory {
  readonly kind: "wasm" | "javascript";
  /** Copies row i of `rows` to slot `slots[i]`, for all i but those whose slot is {@link NO_SLOT}. */
  write(slots: Uint32Array, count: number, rows: Uint8Array): void;
  /** Copies the rows in `slots[first]` to `slots[end - 1]` to `out`, one after the other. */
  gather(slots: Uint32Array, first: number, end: number, out: Uint8Array): void;
  /** Decodes the rows in `slots[0]` to `slots[count - 1]`. */
  decode(slots: Uint32Array, count: number, out: Float32Array): void;
}

/** Stands for "no slot" in a list of slots. */
export const NO_SLOT = 0xffff_ffff;

/** Most bytes in one buffer: engines refuse single buffers of several GiB. */
const SEGMENT_BYTES = 2 ** 30;
const GROUP = 16;
const LONG_ROW_BYTES = 1024;

/** A WebAssembly memory costs address space and a call to the system; below this, rows are near anyway. */
const LEAST_WASM_BYTES = 2 ** 20;
const MOST_WASM_BYTES = 3.5 * 2 ** 30;
/** Rows go out of the WebAssembly memory in pieces of about this size, which stay in the processor's cache. */
const PIECE_BYTES = 2 ** 17;

/** Memory for `slots` rows of a table, zeroed; `kind` is for tests. */
export function clockMemory(slots: number, table: TableInfo, kind?: ClockMemory["kind"]): ClockMemory {
  const bytes = slots * table.rowBytes;
  const wanted = kind ?? (bytes >= LEAST_WASM_BYTES && bytes <= MOST_WASM_BYTES ? "wasm" : "javascript");
  return (wanted === "wasm" ? wasmMemory(slots, table) : undefined) ?? javascriptMemory(slots, table);
}

/** Undefined where the platform has no WebAssembly, no SIMD, or not so much memory at a stretch. */
function wasmMemory(slots: number, table: TableInfo): ClockMemory | undefined {
  const { rowBytes, encoding } = table;
  const valueBytes = encoding.width * 4;
  const piece = Math.max(1, Math.floor(PIECE_BYTES / Math.max(rowBytes, valueBytes))); // rows
  const upTo = (end: number): number => Math.ceil(end / 64) * 64;
  const outAt = upTo(piece * 4); // the ids lie at 0
  const rowsAt = upTo(outAt + piece * Math.max(rowBytes, valueBytes) + GATHER_SLACK_BYTES);
  const pages = Math.ceil((rowsAt + slots * rowBytes + GATHER_SLACK_BYTES) / 65_536);
  let buffer: ArrayBufferLike;
  let kernel: GatherKernel | undefined;
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    buffer = memory.buffer;
    kernel = wasmGatherKernel(memory, encoding);
  } catch {
    return undefined;
  }
  if (kernel === undefined) return undefined;
  const { gather, decode } = kernel;
  const ids = new Uint32Array(buffer, 0, piece);
  const encoded = new Uint8Array(buffer, outAt, piece * rowBytes);
  const values = new Float32Array(buffer, outAt, piece * encoding.width);
  const segment = new Uint8Array(buffer, rowsAt, Math.ceil((slots * rowBytes) / 4) * 4);

  return {
    kind: "wasm",
    write: rowWriter([segment], 31, rowBytes),
    gather(list, first, end, out) {
      for (let at = first; at < end; at += piece) {
        const count = Math.min(piece, end - at);
        ids.set(list.subarray(at, at + count));
        gather(0, count, rowsAt, outAt);
        out.set(encoded.subarray(0, count * rowBytes), (at - first) * rowBytes);
      }
    },
    decode(list, length, out) {
      for (let at = 0; at < length; at += piece) {
        const count = Math.min(piece, length - at);
        ids.set(list.subarray(at, at + count));
        decode(0, count, rowsAt, outAt);
        out.set(values.subarray(0, count * encoding.width), at * encoding.width);
      }
    },
  };
}

const DECODED_AT_ONCE = 64;

function javascriptMemory(slots: number, table: TableInfo): ClockMemory {
  const { rowBytes, encoding } = table;
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

  const gather: ClockMemory["gather"] = (list, first, end, out) => {
    if (rowWords > 0 && out.byteOffset % 4 === 0) {
      gatherWords(list, first, end, new Int32Array(out.buffer, out.byteOffset, (end - first) * rowWords));
    } else {
      gatherBytes(list, first, end, out);
    }
  };

  return {
    kind: "javascript",
    write: rowWriter(segments, shift, rowBytes),
    gather,
    decode(list, length, out) {
      const rows = new Uint8Array(Math.min(DECODED_AT_ONCE, length) * rowBytes);
      for (let first = 0; first < length; first += DECODED_AT_ONCE) {
        const end = Math.min(first + DECODED_AT_ONCE, length);
        const part = rows.subarray(0, (end - first) * rowBytes);
        gather(list, first, end, part);
        decodeRows(encoding, part, out.subarray(first * encoding.width, end * encoding.width));
      }
    },
  };
}

/** Copies rows into slots; slot `s` is in segment `s >>> shift`. */
function rowWriter(segments: readonly Uint8Array[], shift: number, rowBytes: number): ClockMemory["write"] {
  const mask = 2 ** shift - 1;
  const words = segments.map(({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length / 4));
  const rowWords = rowBytes % 4 === 0 && rowBytes < LONG_ROW_BYTES ? rowBytes / 4 : 0;
  return (list, count, rows) => {
    const aligned = rowWords > 0 && rows.byteOffset % 4 === 0;
    const from = aligned ? new Int32Array(rows.buffer, rows.byteOffset, count * rowWords) : undefined;
    for (let i = 0; i < count; i++) {
      const slot = list[i] as number; // i < count
      if (slot === NO_SLOT) continue;
      const segment = slot >>> shift;
      const place = slot & mask;
      if (from === undefined) {
        (segments[segment] as Uint8Array).set(rows.subarray(i * rowBytes, (i + 1) * rowBytes), place * rowBytes);
        continue;
      }
      const row = words[segment] as Int32Array;
      const base = place * rowWords;
      for (let at = 0; at < rowWords; at++) row[base + at] = from[i * rowWords + at] as number;
    }
  };
}
