// Copies rows of a table that lies in this module's memory, in the order of a list of row ids. Every export copies rows
// of some sizes (../gather-kernel.ts chooses) and takes
//   ids       address of `count` row ids, 32-bit
//   rows      address of row 0
//   out       address of `count * rowBytes` bytes, apart from all that is read
// which the caller has checked; nothing is checked here. The TypeScript twin is in ../gather-kernel.ts.
//
// Latency is the limit, not bytes. So the loops touch the row that comes AHEAD rows later, a load that nothing waits for,
// before they copy the row whose turn it is; its further lines follow by the processor's own prefetching, and touching
// them too costs more than it brings. Rows of 64 to 575 bytes go through code without an inner loop, whose exit would be
// mispredicted on each row. Both together: 1.2 to 1.5x (benchmark `gather`). One export for each number of whole lines,
// as within one function the optimiser folds them into one loop again, and for the usual sizes, whose tails are constant.
// `touched` is returned only to keep the touching loads alive.

const AHEAD: u32 = 16;

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

// @ts-ignore: decorator
@inline
function copyLines(lines: u32, row: usize, out: usize, rowBytes: u32): void {
  copy64(row, out);
  if (lines > 1) copy64(row + 64, out + 64);
  if (lines > 2) copy64(row + 128, out + 128);
  if (lines > 3) copy64(row + 192, out + 192);
  if (lines > 4) copy64(row + 256, out + 256);
  if (lines > 5) copy64(row + 320, out + 320);
  if (lines > 6) copy64(row + 384, out + 384);
  if (lines > 7) copy64(row + 448, out + 448);
  const tail = rowBytes & 63;
  if (tail == 0) return;
  if (tail > 16) {
    const at = lines * 64;
    v128.store(out + at, v128.load(row + at));
    if (tail > 32) v128.store(out + at + 16, v128.load(row + at + 16));
    if (tail > 48) v128.store(out + at + 32, v128.load(row + at + 32));
  }
  v128.store(out + rowBytes - 16, v128.load(row + rowBytes - 16)); // overlaps what was copied before
}

/** Rows of `lines` whole blocks of 64 bytes, 1 to 8, and a tail; `lines` is a constant of each place of use. */
// @ts-ignore: decorator
@inline
function gatherLines(lines: u32, ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return lines > 2
    ? gatherSingly(lines, ids, count, rows, rowBytes, out)
    : gatherByFours(lines, ids, count, rows, rowBytes, out);
}

// @ts-ignore: decorator
@inline
function gatherSingly(lines: u32, ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const ahead = rowAt(ids, min(i + AHEAD, count - 1), rows, rowBytes);
    touched += load<u8>(ahead);
    if (lines > 4) touched += load<u8>(ahead, 256);
    copyLines(lines, rowAt(ids, i, rows, rowBytes), out, rowBytes);
    out += rowBytes;
  }
  return touched;
}

/** Rows of one or two lines: four touches together are in flight sooner. Longer rows gain nothing from it. */
// @ts-ignore: decorator
@inline
function gatherByFours(lines: u32, ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  let touched: u32 = 0;
  let i: u32 = 0;
  for (; i + AHEAD + 4 <= count; i += 4) {
    touched += load<u8>(rowAt(ids, i + AHEAD, rows, rowBytes));
    touched += load<u8>(rowAt(ids, i + AHEAD + 1, rows, rowBytes));
    touched += load<u8>(rowAt(ids, i + AHEAD + 2, rows, rowBytes));
    touched += load<u8>(rowAt(ids, i + AHEAD + 3, rows, rowBytes));
    copyLines(lines, rowAt(ids, i, rows, rowBytes), out, rowBytes);
    copyLines(lines, rowAt(ids, i + 1, rows, rowBytes), out + rowBytes, rowBytes);
    copyLines(lines, rowAt(ids, i + 2, rows, rowBytes), out + 2 * rowBytes, rowBytes);
    copyLines(lines, rowAt(ids, i + 3, rows, rowBytes), out + 3 * rowBytes, rowBytes);
    out += 4 * rowBytes;
  }
  for (; i < count; i++) {
    copyLines(lines, rowAt(ids, i, rows, rowBytes), out, rowBytes);
    out += rowBytes;
  }
  return touched;
}

/** Rows of 1 to 63 bytes. */
export function gatherShort(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
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
  return 0;
}

export function gatherLines1(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(1, ids, count, rows, rowBytes, out);
}

export function gatherLines2(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(2, ids, count, rows, rowBytes, out);
}

export function gatherLines3(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(3, ids, count, rows, rowBytes, out);
}

export function gatherLines4(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(4, ids, count, rows, rowBytes, out);
}

export function gatherLines5(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(5, ids, count, rows, rowBytes, out);
}

export function gatherLines6(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(6, ids, count, rows, rowBytes, out);
}

export function gatherLines7(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(7, ids, count, rows, rowBytes, out);
}

export function gatherLines8(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(8, ids, count, rows, rowBytes, out);
}

export function gather128(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(2, ids, count, rows, 128, out);
}

export function gather256(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(4, ids, count, rows, 256, out);
}

export function gather264(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(4, ids, count, rows, 264, out);
}

export function gather512(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  return gatherLines(8, ids, count, rows, 512, out);
}

/** Rows of 576 bytes and more. */
export function gatherLong(ids: usize, count: u32, rows: usize, rowBytes: u32, out: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(ids, i, rows, rowBytes);
    let at: u32 = 0;
    for (const whole = rowBytes & ~63; at < whole; at += 64) copy64(row + at, out + at);
    copyTail(row, out, at, rowBytes);
    out += rowBytes;
  }
  return 0;
}

/**
 * The opposite: copies `count` packed rows from `from` on to the places of their ids, rows of any size. Of a row that is named
 * twice the last one stays.
 */
export function scatter(ids: usize, count: u32, rows: usize, rowBytes: u32, from: usize): u32 {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const ahead = rowAt(ids, min(i + AHEAD, count - 1), rows, rowBytes);
    touched += load<u8>(ahead);
    touched += load<u8>(ahead + (rowBytes >> 1));
    const row = rowAt(ids, i, rows, rowBytes);
    if (rowBytes >= 16) {
      let at: u32 = 0;
      for (const whole = rowBytes & ~63; at < whole; at += 64) copy64(from + at, row + at);
      copyTail(from, row, at, rowBytes);
    } else {
      for (let at: u32 = 0; at < rowBytes; at++) store<u8>(row + at, load<u8>(from + at));
    }
    from += rowBytes;
  }
  return touched;
}

/** The greatest of `count` ids, 0 for none. */
export function greatestId(ids: usize, count: u32): u32 {
  let first = i32x4.splat(0);
  let second = first;
  let at = ids;
  for (const whole = ids + ((count & ~7) << 2); at < whole; at += 32) {
    first = i32x4.max_u(first, v128.load(at));
    second = i32x4.max_u(second, v128.load(at, 16));
  }
  first = i32x4.max_u(first, second);
  let greatest = max(
    max(<u32>i32x4.extract_lane(first, 0), <u32>i32x4.extract_lane(first, 1)),
    max(<u32>i32x4.extract_lane(first, 2), <u32>i32x4.extract_lane(first, 3)),
  );
  for (const end = ids + (count << 2); at < end; at += 4) greatest = max(greatest, load<u32>(at));
  return greatest;
}
