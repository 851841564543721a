import { type TableInfo, type TablePlan, type TableWriter, tableInfo } from "@engram-ts/core";
import { deterministicRows, type FakeS3, fakeS3, findWrongRow } from "@engram-ts/store-kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { s3Driver } from "../src/index.js";
import { smallPlan } from "./small-plan.js";

const URI = "s3://tables/models/small";
const WIDE = tableInfo({ rows: 1_000, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
const NARROW = tableInfo({ rows: 777, encoding: { kind: "bf16", width: 8 } });
const TABLES = new Map([
  [1, WIDE],
  [3, NARROW],
]);

let s3: FakeS3;
beforeEach(async () => {
  s3 = await fakeS3({ minPartBytes: 4_000, pageSize: 3 });
});
afterEach(() => s3.close());

const driver = () =>
  s3Driver({
    clientConfig: s3.clientConfig,
    write: { partBytes: 4_096, objectBytes: 50_000, blockBytes: 2_000, uploads: 3 },
  });

const open = (plan: TablePlan, replace = false): Promise<TableWriter> => {
  const { write } = driver();
  if (write === undefined) throw new Error("s3Driver writes");
  return write(URI, plan, { replace });
};

/** Writes all rows that are not committed, `step` at a time, or up to a row. */
async function writeRows(
  writer: TableWriter,
  layer: number,
  table: TableInfo,
  seed: number,
  until = table.rows,
  step = 37,
) {
  const all = deterministicRows(table, seed);
  for (let row = writer.committed.get(layer) ?? 0; row < until; row += step) {
    const end = Math.min(until, row + step);
    await writer.write(layer, row, all.subarray(row * table.rowBytes, end * table.rowBytes));
  }
}

async function expectRows(seed: number): Promise<void> {
  const opened = await driver().open(URI);
  for (const [layer, table] of TABLES) {
    const store = opened.tables.get(layer);
    const ids = Uint32Array.from({ length: table.rows }, (_, i) => i);
    const ticket = store?.prefetch(ids);
    await ticket?.ready;
    const rows = new Uint8Array(table.rows * table.rowBytes);
    ticket?.gather(rows);
    expect(findWrongRow(table, seed, ids, rows)).toBe(-1);
  }
  await opened.close();
}

describe("s3Writer", () => {
  test("what is written is what is read, and nothing is left over", async () => {
    const writer = await open(smallPlan(TABLES));
    await writeRows(writer, 3, NARROW, 5, NARROW.rows, 1);
    await writeRows(writer, 1, WIDE, 5, WIDE.rows, 999);
    const manifest = await writer.finish();
    await writer.close();
    expect(manifest.modules.map(({ parts }) => parts.length)).toEqual([6, 1]);
    expect(s3.openUploads("tables")).toBe(0);
    expect(s3.keys("tables")).not.toContain("models/small/engram-upload.json");
    await expectRows(5);
  });

  test("readers see nothing before finish, and the old version afterwards", async () => {
    const plan = smallPlan(TABLES);
    const first = await open(plan);
    for (const [layer, table] of TABLES) await writeRows(first, layer, table, 1);
    await expect(driver().open(URI)).rejects.toMatchObject({ code: "not-found" });
    await first.finish();
    const old = await driver().open(URI);
    const second = await open(plan);
    for (const [layer, table] of TABLES) await writeRows(second, layer, table, 2);
    await expectRows(1);
    await second.finish();
    await expectRows(2);
    const ids = Uint32Array.of(0, 999);
    const ticket = old.tables.get(1)?.prefetch(ids);
    await ticket?.ready;
    const rows = new Uint8Array(2 * WIDE.rowBytes);
    ticket?.gather(rows);
    expect(findWrongRow(WIDE, 1, ids, rows)).toBe(-1);
    await old.close();
  });

  test("a writer that ended half-way is gone on with, its digests made again", async () => {
    const plan = smallPlan(TABLES);
    const first = await open(plan);
    await writeRows(first, 1, WIDE, 7, 430);
    await first.close();
    const second = await open(plan);
    const committed = second.committed.get(1) ?? 0;
    expect(committed).toBeGreaterThanOrEqual(430 - 4 * 16);
    expect(committed % 16).toBe(0);
    const before = s3.stats().byOperation.UploadPart ?? 0;
    for (const [layer, table] of TABLES) await writeRows(second, layer, table, 7);
    const manifest = await second.finish();
    expect((s3.stats().byOperation.UploadPart ?? 0) - before).toBeLessThan(45);
    const whole = await open(plan); // the same tables, in one go
    for (const [layer, table] of TABLES) await writeRows(whole, layer, table, 7);
    const again = await whole.finish();
    const digests = (of: typeof manifest) =>
      of.modules.map(({ digest, blocks, parts }) => [
        digest,
        blocks?.digests?.sha256,
        parts.map(({ data }) => data.sha256),
      ]);
    expect(digests(manifest)).toEqual(digests(again));
    await expectRows(7);
  });

  test("an unfinished upload of other tables is refused, or replaced on demand", async () => {
    const first = await open(smallPlan(TABLES));
    await writeRows(first, 1, WIDE, 7, 430);
    await first.close();
    const other = smallPlan(new Map([[1, WIDE]]));
    await expect(open(other)).rejects.toMatchObject({ code: "manifest-mismatch", operation: "s3Writer" });
    const second = await open(other, true);
    expect(second.committed.get(1)).toBe(0);
    expect(s3.openUploads("tables")).toBe(0);
    await second.close();
  });

  test("of two writers the second to publish is refused", async () => {
    const plan = smallPlan(new Map([[1, WIDE]]));
    const first = await open(plan);
    await writeRows(first, 1, WIDE, 1);
    s3.put("tables", "models/small/engram.json", new TextEncoder().encode("{}"));
    await expect(first.finish()).rejects.toMatchObject({ code: "manifest-mismatch", operation: "writer.finish" });
  });

  test("rows out of order, too many, of no layer, missing, or with another digest are refused", async () => {
    const writer = await open(smallPlan(TABLES));
    const row = new Uint8Array(WIDE.rowBytes);
    await expect(writer.write(1, 1, row)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(writer.write(2, 0, row)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(writer.write(1, 0, row.subarray(1))).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(writer.write(1, 0, new Uint8Array(1_001 * 264))).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(writer.finish()).rejects.toMatchObject({ code: "invalid-argument" });
    for (const [layer, table] of TABLES) await writeRows(writer, layer, table, 1);
    const digests = new Map([[3, `sha256:${"0".repeat(64)}`]]);
    await expect(writer.finish(digests)).rejects.toMatchObject({ code: "digest-mismatch" });
    expect(s3.keys("tables")).not.toContain("models/small/engram.json");
    const object = s3.keys("tables").find((key) => key.endsWith("layer-1/rows-00002.bin")) ?? "";
    const bytes = s3.get("tables", object) ?? new Uint8Array(0);
    s3.put("tables", object, bytes.subarray(1));
    await expect(writer.finish()).rejects.toMatchObject({ code: "truncated", operation: "writer.finish" });
    s3.put("tables", object, bytes);
    await writer.finish();
    await writer.close();
    await expect(writer.write(1, 0, row)).rejects.toMatchObject({ code: "store-closed" });
  });

  test("requests that fail for a while are made again; refusals are not", async () => {
    s3.setFaults({
      share: 0.2,
      kinds: ["internal-error", "reset-before-headers"],
      operations: ["UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload", "ListObjectsV2", "ListParts"],
    });
    const writer = await open(smallPlan(TABLES));
    for (const [layer, table] of TABLES) await writeRows(writer, layer, table, 3);
    await writer.finish();
    expect(Object.keys(s3.stats().faults).length).toBe(2);
    s3.setFaults();
    await expectRows(3);
    s3.setFaults({ script: () => "expired-credentials" });
    await expect(open(smallPlan(TABLES))).rejects.toMatchObject({
      code: "permission-denied",
      context: { reason: "expired-credentials" },
    });
  });
});
