// Which byte ranges of which objects hold a batch of rows, and how the rows are put together from them. Ranges are
// rounded to a granule (pages of a file, blocks of an object), so that each granule is read once, however many rows lie
// in it; values and scales that lie apart are covered alike. Typed arrays, nothing allocated per row.
// Not here: the reading, its concurrency and its retries.

import { EngramError } from "../errors.js";
import {
  checkSortedRows,
  type LocatedPart,
  type LocatedRegion,
  lowerBound,
  type RowLocations,
} from "./row-location.js";

/** What ranges are rounded to: bytes of an object, counted from its start, or blocks of rows of the table. */
export type ReadGranule = { readonly bytes: number } | { readonly rows: number };

/** How ranges are made. */
export interface ReadPlanOptions {
  /** Default: single bytes, so that exactly the rows are read. */
  readonly granule?: ReadGranule;
  /** Ranges of one object with at most so many bytes between them are read as one. Default 0. */
  readonly maxGapBytes?: number;
  /** Longer ranges are cut into pieces of so many bytes. Default: never. */
  readonly maxRangeBytes?: number;
}

/** Ranges to read, in the order of objects and of bytes; they do not overlap. */
export interface ReadPlan {
  /** How many ranges there are. */
  readonly length: number;
  /** For each range, the index of its object in the locations' `objects`. */
  readonly objects: Uint32Array;
  /** For each range, its first byte in the object. */
  readonly starts: Float64Array;
  /** For each range, the byte after its last. */
  readonly ends: Float64Array;
  /** Bytes of all ranges. */
  readonly bytes: number;
  /**
   * Puts the rows together, scales behind values.
   * @param ranges the bytes of every range.
   * @param out takes the rows in the order of the plan's ids, `[n, rowBytes]`.
   * @throws EngramError `truncated` where a range is not of its length; `output-length`.
   */
  assemble(ranges: readonly Uint8Array[], out: Uint8Array): void;
}

/**
 * Plans the reading of rows.
 * @param rowIds ascending, each once: from `sortedRows`.
 * @throws EngramError `invalid-argument` where the ids or an option are none.
 */
export function readPlan(locations: RowLocations, rowIds: Uint32Array, options: ReadPlanOptions = {}): ReadPlan {
  checkSortedRows(rowIds, locations.rows, "readPlan");
  const { granule, maxGapBytes, maxRangeBytes } = checkOptions(options);
  const pieces = findPieces(locations, rowIds, granule);
  const ranges = mergePieces(pieces, maxGapBytes, maxRangeBytes);
  const { rowBytes } = locations;
  return {
    length: ranges.length,
    objects: ranges.objects,
    starts: ranges.starts,
    ends: ranges.ends,
    bytes: ranges.bytes,
    assemble(fetched, out) {
      checkAssembly(ranges, fetched, out, rowIds.length * rowBytes);
      for (let i = 0; i < pieces.length; i++) {
        const to = (pieces.rows[i] as number) * rowBytes + (pieces.offsets[i] as number);
        copyPiece(
          ranges,
          fetched,
          ranges.ofPiece[i] as number,
          pieces.starts[i] as number,
          pieces.lengths[i] as number,
          out,
          to,
        );
      }
    },
  };
}

// Below, indexes run to the length of the arrays they index, so the casts from `number | undefined` are sound.

/** The pieces of rows, one a region and row, in the order of objects and bytes; parallel arrays. */
interface Pieces {
  readonly length: number;
  readonly objects: Uint32Array;
  /** First byte of the piece in its object, and its length. */
  readonly starts: Float64Array;
  readonly lengths: Uint32Array;
  /** What must be read for it: the piece, rounded to the granule. */
  readonly from: Float64Array;
  readonly until: Float64Array;
  /** Index of its row among the plan's ids, and its first byte within the row. */
  readonly rows: Uint32Array;
  readonly offsets: Uint32Array;
}

function findPieces(locations: RowLocations, rowIds: Uint32Array, granule: ReadGranule): Pieces {
  const regions = regionsInOrder(locations);
  const most = rowIds.length * (locations.parts.some(({ scales }) => scales !== undefined) ? 2 : 1);
  const pieces = {
    length: 0,
    objects: new Uint32Array(most),
    starts: new Float64Array(most),
    lengths: new Uint32Array(most),
    from: new Float64Array(most),
    until: new Float64Array(most),
    rows: new Uint32Array(most),
    offsets: new Uint32Array(most),
  };
  let ascending = true;
  for (const { part, region, offset } of regions) {
    const objectBytes = locations.objects[region.object]?.bytes ?? 0;
    const end = lowerBound(rowIds, part.endRow);
    for (let i = lowerBound(rowIds, part.firstRow); i < end; i++) {
      const row = rowIds[i] as number;
      const at = pieces.length++;
      const start = region.offset + (row - part.firstRow) * region.stride;
      pieces.objects[at] = region.object;
      pieces.starts[at] = start;
      pieces.lengths[at] = region.pieceBytes;
      pieces.rows[at] = i;
      pieces.offsets[at] = offset;
      if ("bytes" in granule) {
        pieces.from[at] = Math.floor(start / granule.bytes) * granule.bytes;
        pieces.until[at] = Math.min(
          objectBytes,
          Math.ceil((start + region.pieceBytes) / granule.bytes) * granule.bytes,
        );
      } else {
        const block = Math.floor(row / granule.rows) * granule.rows;
        const first = Math.max(block, part.firstRow) - part.firstRow;
        const last = Math.min(block + granule.rows, part.endRow) - 1 - part.firstRow;
        pieces.from[at] = region.offset + first * region.stride;
        pieces.until[at] = region.offset + last * region.stride + region.pieceBytes;
      }
      ascending &&= at === 0 || isBefore(pieces, at - 1, at);
    }
  }
  // Only regions that lie within each other, as where scales stand between values, come out of order.
  return ascending ? pieces : sortPieces(pieces);
}

function isBefore(pieces: Pieces, a: number, b: number): boolean {
  const [left, right] = [pieces.objects[a] as number, pieces.objects[b] as number];
  return left === right ? (pieces.from[a] as number) <= (pieces.from[b] as number) : left < right;
}

interface OrderedRegion {
  readonly part: LocatedPart;
  readonly region: LocatedRegion;
  /** Where the region's piece stands within a row. */
  readonly offset: number;
}

function regionsInOrder({ parts }: RowLocations): readonly OrderedRegion[] {
  return parts
    .flatMap((part): OrderedRegion[] => {
      const data = { part, region: part.data, offset: 0 };
      return part.scales === undefined ? [data] : [data, { part, region: part.scales, offset: part.data.pieceBytes }];
    })
    .sort((a, b) => a.region.object - b.region.object || a.region.offset - b.region.offset);
}

function sortPieces(pieces: Pieces): Pieces {
  const order = Uint32Array.from({ length: pieces.length }, (_, i) => i).sort(
    (a, b) =>
      (pieces.objects[a] as number) - (pieces.objects[b] as number) ||
      (pieces.from[a] as number) - (pieces.from[b] as number),
  );
  return {
    length: pieces.length,
    objects: order.map((i) => pieces.objects[i] as number),
    starts: Float64Array.from(order, (i) => pieces.starts[i] as number),
    lengths: order.map((i) => pieces.lengths[i] as number),
    from: Float64Array.from(order, (i) => pieces.from[i] as number),
    until: Float64Array.from(order, (i) => pieces.until[i] as number),
    rows: order.map((i) => pieces.rows[i] as number),
    offsets: order.map((i) => pieces.offsets[i] as number),
  };
}

interface Ranges {
  readonly length: number;
  readonly objects: Uint32Array;
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly bytes: number;
  /** For each piece, the range in which it starts. */
  readonly ofPiece: Uint32Array;
}

function mergePieces(pieces: Pieces, maxGapBytes: number, maxRangeBytes: number): Ranges {
  const objects: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  const ofPiece = new Uint32Array(pieces.length);
  let bytes = 0;
  let first = 0;
  while (first < pieces.length) {
    const object = pieces.objects[first] as number;
    const start = pieces.from[first] as number;
    let end = pieces.until[first] as number;
    let next = first + 1;
    while (
      next < pieces.length &&
      pieces.objects[next] === object &&
      (pieces.from[next] as number) <= end + maxGapBytes
    ) {
      end = Math.max(end, pieces.until[next] as number);
      next++;
    }
    const base = starts.length;
    for (let at = start; at < end; at += maxRangeBytes) {
      objects.push(object);
      starts.push(at);
      ends.push(Math.min(end, at + maxRangeBytes));
    }
    const long = end - start > maxRangeBytes;
    for (; first < next; first++) {
      ofPiece[first] = long ? base + Math.floor(((pieces.starts[first] as number) - start) / maxRangeBytes) : base;
    }
    bytes += end - start;
  }
  return {
    length: starts.length,
    objects: Uint32Array.from(objects),
    starts: Float64Array.from(starts),
    ends: Float64Array.from(ends),
    bytes,
    ofPiece,
  };
}

/** A piece lies in one range, or goes on in the ranges after it where a long one was cut. */
function copyPiece(
  ranges: Ranges,
  fetched: readonly Uint8Array[],
  firstRange: number,
  start: number,
  length: number,
  out: Uint8Array,
  place: number,
): void {
  let [range, at, bytes, to] = [firstRange, start, length, place];
  while (bytes > 0) {
    const from = at - (ranges.starts[range] as number);
    const count = Math.min(bytes, (ranges.ends[range] as number) - at);
    out.set((fetched[range] as Uint8Array).subarray(from, from + count), to);
    range++;
    at += count;
    to += count;
    bytes -= count;
  }
}

function checkAssembly(ranges: Ranges, fetched: readonly Uint8Array[], out: Uint8Array, bytes: number): void {
  for (let i = 0; i < ranges.length; i++) {
    const expected = (ranges.ends[i] as number) - (ranges.starts[i] as number);
    const found = fetched[i]?.length;
    if (found === expected) continue;
    throw new EngramError({
      code: "truncated",
      operation: "readPlan.assemble",
      message: `range ${i} has ${found ?? "no"} bytes, and ${expected} were asked for; was the object cut short?`,
      context: { range: i, expected, found },
    });
  }
  if (out.length === bytes) return;
  throw new EngramError({
    code: "output-length",
    operation: "readPlan.assemble",
    message: `out has ${out.length} bytes, and these rows need exactly ${bytes}`,
    context: { expected: bytes },
  });
}

function checkOptions(options: ReadPlanOptions): {
  granule: ReadGranule;
  maxGapBytes: number;
  maxRangeBytes: number;
} {
  const { granule = { bytes: 1 }, maxGapBytes = 0, maxRangeBytes = Number.MAX_SAFE_INTEGER } = options;
  const whole = (name: string, value: unknown, least: number): void => {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return;
    throw new EngramError({
      code: "invalid-argument",
      operation: "readPlan",
      message: `options.${name} is ${String(value)}; use a whole number of at least ${least}`,
    });
  };
  if ("bytes" in granule) whole("granule.bytes", granule.bytes, 1);
  else whole("granule.rows", granule.rows, 1);
  whole("maxGapBytes", maxGapBytes, 0);
  whole("maxRangeBytes", maxRangeBytes, 1);
  return { granule, maxGapBytes, maxRangeBytes };
}
