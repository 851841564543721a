// Copies rows of a table that lies in this module's memory, in the order of a list of row ids, and decodes them in the
// same pass. All arguments are byte addresses and counts that the caller has checked; nothing is checked here. The
// TypeScript twin is ../gather-twin.ts.
//
// Latency is the limit, not bytes. So the loops go through GROUP rows at a time: first they touch each cache line of the
// next group, loads that wait for nothing and so overlap, then they copy the group that came before. Rows of up to 575
// bytes go through code without an inner loop, whose exit would be mispredicted on each row (benchmark `gather`, rows
// of 264 bytes: 1.5x). `touched` only keeps the touching loads alive.

const GROUP: u32 = 16;

// @ts-ignore: decorator
@inline
function rowAt(ids: usize, index: u32, rows: usize, rowBytes: u32): usize {
  return rows + load<u32>(ids + (index << 2)) * rowBytes;
}

// @ts-ignore: decorator
@inline
function copy64(from: usize, to: usize): void {
  const a = v128.load(from);
  const b = v128.load(from, 16);
  const c = v128.load(from, 32);
  const d = v128.load(from, 48);
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
}

/** What is left of a row of at least 16 bytes from `at` on: the last vector overlaps the one before it. */
// @ts-ignore: decorator
@inline
function copyTail(from: usize, to: usize, at: u32, rowBytes: u32): void {
  if (at == rowBytes) return;
  const last = rowBytes - 16;
  for (; at < last; at += 16) v128.store(to + at, v128.load(from + at));
  v128.store(to + last, v128.load(from + last));
}

/** Rows of `lines` whole blocks of 64 bytes, 1 to 8, and a tail; `lines` is a constant of each place of use. */
// @ts-ignore: decorator
@inline
function gatherLines(lines: u32, ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  let touched: u32 = 0;
  for (let first: u32 = 0; first < count; first += GROUP) {
    const end = min(first + GROUP, count);
    const nextEnd = min(end + GROUP, count);
    for (let i = end; i < nextEnd; i++) {
      const row = rowAt(ids, i, rows, rowBytes);
      touched += load<u8>(row) + load<u8>(row + rowBytes - 1);
      if (lines > 1) touched += load<u8>(row, 64);
      if (lines > 2) touched += load<u8>(row, 128);
      if (lines > 3) touched += load<u8>(row, 192);
      if (lines > 4) touched += load<u8>(row, 256);
      if (lines > 5) touched += load<u8>(row, 320);
      if (lines > 6) touched += load<u8>(row, 384);
      if (lines > 7) touched += load<u8>(row, 448);
    }
    for (let i = first; i < end; i++) {
      const row = rowAt(ids, i, rows, rowBytes);
      copy64(row, out);
      if (lines > 1) copy64(row + 64, out + 64);
      if (lines > 2) copy64(row + 128, out + 128);
      if (lines > 3) copy64(row + 192, out + 192);
      if (lines > 4) copy64(row + 256, out + 256);
      if (lines > 5) copy64(row + 320, out + 320);
      if (lines > 6) copy64(row + 384, out + 384);
      if (lines > 7) copy64(row + 448, out + 448);
      copyTail(row, out, lines * 64, rowBytes);
      out += rowBytes;
    }
  }
  return touched;
}

function gatherShort(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(ids, i, rows, rowBytes);
    if (rowBytes >= 16) {
      copyTail(row, out, 0, rowBytes);
    } else if (rowBytes >= 8) {
      const tail = load<u64>(row + rowBytes - 8);
      store<u64>(out, load<u64>(row));
      store<u64>(out + rowBytes - 8, tail);
    } else {
      for (let at: u32 = 0; at < rowBytes; at++) store<u8>(out + at, load<u8>(row + at));
    }
    out += rowBytes;
  }
}

function gatherLong(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(ids, i, rows, rowBytes);
    let at: u32 = 0;
    for (const whole = rowBytes & ~63; at < whole; at += 64) copy64(row + at, out + at);
    copyTail(row, out, at, rowBytes);
    out += rowBytes;
  }
}

/**
 * Copies `count` rows.
 * @param ids address of `count` row ids, 32-bit
 * @param rows address of row 0
 * @param out address of `count * rowBytes` bytes, apart from all that is read
 */
export function gather(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  switch (rowBytes >> 6) {
    case 0:
      gatherShort(ids, count, rows, rowBytes, out);
      return 0;
    case 1:
      return gatherLines(1, ids, count, rows, rowBytes, out);
    case 2:
      return gatherLines(2, ids, count, rows, rowBytes, out);
    case 3:
      return gatherLines(3, ids, count, rows, rowBytes, out);
    case 4:
      return gatherLines(4, ids, count, rows, rowBytes, out);
    case 5:
      return gatherLines(5, ids, count, rows, rowBytes, out);
    case 6:
      return gatherLines(6, ids, count, rows, rowBytes, out);
    case 7:
      return gatherLines(7, ids, count, rows, rowBytes, out);
    case 8:
      return gatherLines(8, ids, count, rows, rowBytes, out);
    default:
      gatherLong(ids, count, rows, rowBytes, out);
      return 0;
  }
}
