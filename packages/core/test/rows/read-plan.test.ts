// Where rows lie and what is read for them, against a naive oracle: objects of bytes made row by row, in one and two
// regions, over parts and objects in any order.
import {
  encodedRowBytes,
  isEngramError,
  type ManifestModule,
  type ManifestPart,
  type ReadGranule,
  type ReadPlanOptions,
  type RowEncoding,
  readPlan,
  rowLocations,
  rowScaleBytes,
  sortedRows,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

interface Layout {
  readonly encoding: RowEncoding;
  /** Rows of each part. */
  readonly parts: readonly number[];
  /** Object of each part, by number. */
  readonly objects: readonly number[];
  readonly gap: number;
  readonly kind: "packed" | "two regions" | "woven";
}

/** A module of this layout and the bytes of its objects; byte `b` of row `r` is a mix of both. */
function build({ encoding, parts, objects, gap, kind }: Layout): {
  module: ManifestModule;
  bytes: Map<string, Uint8Array>;
} {
  const rowBytes = encodedRowBytes(encoding);
  const scaleBytes = kind === "packed" ? 0 : rowScaleBytes(encoding);
  const dataBytes = rowBytes - scaleBytes;
  const contents = new Map<string, number[]>();
  const made: {
    part: Omit<ManifestPart, "data" | "scales">;
    data: [string, number, number];
    scales?: [string, number, number];
  }[] = [];
  let row = 0;
  parts.forEach((rows, i) => {
    const uri = `object-${objects[i] ?? 0}`;
    const content = contents.get(uri) ?? [];
    contents.set(uri, content);
    const put = (from: number, to: number, stride: number): [string, number, number] => {
      for (let p = 0; p < gap; p++) content.push(0xee);
      const offset = content.length;
      for (let r = 0; r < rows; r++) {
        for (let b = from; b < to; b++) content.push(byteOf(row + r, b));
        if (r < rows - 1) for (let p = to - from; p < stride; p++) content.push(0xdd);
      }
      return [uri, offset, stride];
    };
    const part = { firstRow: row, rows };
    if (scaleBytes === 0) made.push({ part, data: put(0, rowBytes, rowBytes + gap) });
    else if (kind === "two regions")
      made.push({ part, scales: put(dataBytes, rowBytes, scaleBytes), data: put(0, dataBytes, dataBytes) });
    else {
      const [, offset, stride] = put(0, rowBytes, rowBytes);
      made.push({ part, data: [uri, offset, stride], scales: [uri, offset + dataBytes, stride] });
    }
    row += rows;
  });
  const region = ([uri, offset, stride]: [string, number, number]) => ({
    uri,
    bytes: contents.get(uri)?.length ?? 0,
    offset,
    stride,
  });
  const module: ManifestModule = {
    layer: 1,
    rows: row,
    encoding,
    parts: made.map(({ part, data, scales }) => ({
      ...part,
      data: region(data),
      ...(scales === undefined ? {} : { scales: region(scales) }),
    })),
  };
  return { module, bytes: new Map([...contents].map(([uri, content]) => [uri, Uint8Array.from(content)])) };
}

function byteOf(row: number, byte: number): number {
  return (row * 31 + byte * 7 + (row >>> 3)) & 0xff;
}

function expectedRows(rowIds: Uint32Array, rowBytes: number): Uint8Array {
  return Uint8Array.from({ length: rowIds.length * rowBytes }, (_, i) =>
    byteOf(rowIds[Math.floor(i / rowBytes)] ?? 0, i % rowBytes),
  );
}

/** Reads the plan's ranges and assembles the batch; also checks the ranges themselves. */
function carryOut(
  module: ManifestModule,
  bytes: Map<string, Uint8Array>,
  rowIds: Uint32Array,
  options: ReadPlanOptions,
) {
  const locations = rowLocations(module);
  const plan = readPlan(locations, rowIds, options);
  let total = 0;
  const ranges = Array.from({ length: plan.length }, (_, i) => {
    const [object, start, end] = [plan.objects[i] ?? 0, plan.starts[i] ?? 0, plan.ends[i] ?? 0];
    const content = bytes.get(locations.objects[object]?.uri ?? "") ?? new Uint8Array(0);
    expect(start).toBeLessThan(end);
    expect(end).toBeLessThanOrEqual(content.length);
    if (options.maxRangeBytes !== undefined) expect(end - start).toBeLessThanOrEqual(options.maxRangeBytes);
    if (i > 0 && plan.objects[i - 1] === object) expect(plan.ends[i - 1]).toBeLessThanOrEqual(start);
    else if (i > 0) expect(plan.objects[i - 1]).toBeLessThan(object);
    total += end - start;
    return content.slice(start, end);
  });
  expect(plan.bytes).toBe(total);
  const out = new Uint8Array(rowIds.length * encodedRowBytes(module.encoding));
  plan.assemble(ranges, out);
  return { plan, out, ranges };
}

const encodings: readonly RowEncoding[] = [
  { kind: "bf16", width: 5 },
  { kind: "int8", width: 3 },
  { kind: "fp8-e4m3-e8m0", width: 64 },
  { kind: "f32", width: 2 },
];
const layouts = fc.record<Layout>({
  encoding: fc.constantFrom(...encodings),
  parts: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
  objects: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 5, maxLength: 5 }),
  gap: fc.integer({ min: 0, max: 9 }),
  kind: fc.constantFrom("packed", "two regions", "woven"),
});
const granules = fc.option(
  fc.oneof(
    fc.record({ bytes: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ rows: fc.integer({ min: 1, max: 30 }) }),
  ) as fc.Arbitrary<ReadGranule>,
  { nil: undefined },
);

describe("readPlan", () => {
  it("reads what a row by row reading gives, whatever the layout, the granule and the cuts", () => {
    const batch = fc.array(fc.nat(), { maxLength: 40 });
    const limits = fc.record({ gap: fc.option(fc.nat(200)), range: fc.option(fc.integer({ min: 1, max: 500 })) });
    fc.assert(
      fc.property(layouts, batch, granules, limits, (layout, picks, granule, { gap, range }) => {
        const { module, bytes } = build(layout);
        const asked = Uint32Array.from(picks, (pick) => pick % module.rows);
        const { rowIds, places } = sortedRows(asked);
        const options = {
          ...(granule === undefined ? {} : { granule }),
          ...(gap === null ? {} : { maxGapBytes: gap }),
          ...(range === null ? {} : { maxRangeBytes: range }),
        };
        const { out } = carryOut(module, bytes, rowIds, options);
        const rowBytes = encodedRowBytes(module.encoding);
        expect(out).toEqual(expectedRows(rowIds, rowBytes));
        expect(Uint32Array.from(places, (place) => rowIds[place] ?? 0)).toEqual(asked);
      }),
      { numRuns: 300 },
    );
  });

  it("reads each granule once and nothing beside it", () => {
    const encoding = { kind: "fp8-e4m3-e8m0", width: 256 } as const;
    const { module, bytes } = build({ encoding, parts: [700], objects: [0], gap: 0, kind: "packed" });
    // rows 0 and 14 lie on page 0, row 15 on pages 0 and 1, row 100 on page 6, the last on the last, which is cut
    const { plan } = carryOut(module, bytes, Uint32Array.of(0, 14, 15, 100, 699), { granule: { bytes: 4096 } });
    expect([...plan.starts]).toEqual([0, 6 * 4096, 45 * 4096]);
    expect([...plan.ends]).toEqual([2 * 4096, 7 * 4096, 700 * 264]);
    const joined = carryOut(module, bytes, Uint32Array.of(0, 100, 699), {
      granule: { bytes: 4096 },
      maxGapBytes: 5 * 4096,
    });
    expect([...joined.plan.starts]).toEqual([0, 45 * 4096]);
  });

  it("reads whole blocks of rows, in both regions, cut where a part ends", () => {
    const encoding = { kind: "fp8-e4m3-e8m0", width: 32 } as const;
    const { module, bytes } = build({ encoding, parts: [10, 6], objects: [0, 1], gap: 0, kind: "two regions" });
    const { plan } = carryOut(module, bytes, Uint32Array.of(9, 13), { granule: { rows: 8 } });
    const read = Array.from(plan.objects, (object, i) => [object, plan.starts[i], plan.ends[i]]);
    // block 1 is rows 8 to 15: rows 8 and 9 of the first part (scales, then values), all of the second
    expect(read).toEqual([
      [0, 8, 10],
      [0, 10 + 8 * 32, 10 + 10 * 32],
      [1, 0, 6 + 6 * 32],
    ]);
  });

  it("takes no row, one row, all rows", () => {
    const { module, bytes } = build({
      encoding: { kind: "int8", width: 4 },
      parts: [5, 1, 9],
      objects: [1, 0, 1],
      gap: 3,
      kind: "two regions",
    });
    expect(carryOut(module, bytes, new Uint32Array(0), {}).plan.length).toBe(0);
    for (const ids of [[0], [4], [5], [6], [14], Array.from({ length: 15 }, (_, i) => i)]) {
      const rowIds = Uint32Array.from(ids);
      expect(carryOut(module, bytes, rowIds, {}).out).toEqual(expectedRows(rowIds, 8));
    }
  });

  it("plans 100,000 rows of a table of 4 billion in bounded time, at exact places", () => {
    const rows = 0xffff_fff0;
    const data = { uri: "a", bytes: rows * 264, offset: 0, stride: 264 };
    const module: ManifestModule = {
      layer: 1,
      rows,
      encoding: { kind: "fp8-e4m3-e8m0", width: 256 },
      parts: [{ firstRow: 0, rows, data }],
    };
    const batch = Uint32Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 0).map(
      (id) => id % rows,
    );
    const { rowIds } = sortedRows(batch);
    const plan = readPlan(rowLocations(module), rowIds);
    expect(plan.length).toBe(rowIds.length);
    expect(plan.starts.at(-1)).toBe((rowIds.at(-1) ?? 0) * 264);
    expect(plan.starts.at(-1)).toBeGreaterThan(2 ** 40);
  });

  it("refuses ids out of order or range, options that are none, ranges of other lengths", () => {
    const { module } = build({
      encoding: { kind: "bf16", width: 4 },
      parts: [9],
      objects: [0],
      gap: 0,
      kind: "packed",
    });
    const locations = rowLocations(module);
    const codeOf = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        if (isEngramError(error)) return error.code;
        throw error;
      }
      return "nothing thrown";
    };
    for (const ids of [[1, 0], [1, 1], [9]]) {
      expect(codeOf(() => readPlan(locations, Uint32Array.from(ids)))).toBe("invalid-argument");
    }
    for (const options of [
      { granule: { bytes: 0 } },
      { granule: { rows: 1.5 } },
      { maxGapBytes: -1 },
      { maxRangeBytes: 0 },
    ]) {
      expect(codeOf(() => readPlan(locations, Uint32Array.of(0), options))).toBe("invalid-argument");
    }
    const plan = readPlan(locations, Uint32Array.of(0));
    expect(codeOf(() => plan.assemble([new Uint8Array(7)], new Uint8Array(8)))).toBe("truncated");
    expect(codeOf(() => plan.assemble([], new Uint8Array(8)))).toBe("truncated");
    expect(codeOf(() => plan.assemble([new Uint8Array(8)], new Uint8Array(9)))).toBe("output-length");
  });
});

describe("rowLocations", () => {
  it("finds the part of every row", () => {
    for (const parts of [[1], [3, 3, 3], [5, 5, 2], [1, 9, 1, 1, 30], [30, 1, 1]]) {
      const { module } = build({
        encoding: { kind: "bf16", width: 1 },
        parts,
        objects: [0, 0, 0, 0, 0],
        gap: 1,
        kind: "packed",
      });
      const { partOf } = rowLocations(module);
      const expected = parts.flatMap((rows, i) => Array.from({ length: rows }, () => i));
      expect(expected.map((_, row) => partOf(row))).toEqual(expected);
    }
  });

  it("names each object once, with its digest", () => {
    const region = { uri: "a", bytes: 80, sha256: "0".repeat(64), offset: 0, stride: 8 };
    const part = (firstRow: number) => ({ firstRow, rows: 5, data: { ...region, offset: firstRow * 8 } });
    const { objects } = rowLocations({
      layer: 0,
      rows: 10,
      encoding: { kind: "bf16", width: 4 },
      parts: [part(0), part(5)],
    });
    expect(objects).toEqual([{ uri: "a", bytes: 80, sha256: "0".repeat(64) }]);
  });
});
