// A real S3 server (tools/s3-server.mjs): the suite, conditions, lists and multipart uploads on it. ENGRAM_S3_SERVER names
// its program. Where there is none, one test says that the others are left out; with ENGRAM_REQUIRE_S3_SERVER it fails.

import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { tableInfo } from "@engram-ts/core";
import { type ConformanceTarget, deterministicRows, findWrongRow, runConformance } from "@engram-ts/store-kit";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { findS3Server, type S3Server, startS3Server } from "../../../tools/s3-server.mjs";
import { s3Driver, s3Store } from "../src/index.js";
import { smallPlan } from "./small-plan.js";
import { putTable } from "./table-fixture.js";

const program = findS3Server();

if (program === undefined) {
  it("left out: no S3 server; `node tools/s3-server.mjs path` builds one, ENGRAM_S3_SERVER names one", () => {
    expect(process.env.ENGRAM_REQUIRE_S3_SERVER ?? "", "a real S3 server is required").toBe("");
  });
} else {
  let server: S3Server;
  let client: S3Client;
  let prefixes = 0;

  beforeAll(async () => {
    server = await startS3Server(program);
    client = new S3Client(server.clientConfig);
    await client.send(new CreateBucketCommand({ Bucket: "tables" }));
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  const put = async (prefix: string, uri: string, bytes: Uint8Array): Promise<void> => {
    await client.send(new PutObjectCommand({ Bucket: "tables", Key: `${prefix}/${uri}`, Body: bytes }));
  };
  const openTable: ConformanceTarget["open"] = async (table, rows) => {
    const prefix = `case-${prefixes++}`;
    const layout = { apart: true, partRows: 40, blockRows: 8 };
    const module = await putTable(table, rows, (uri, bytes) => put(prefix, uri, bytes), layout);
    return s3Store({ module, bucket: "tables", prefix, clientConfig: server.clientConfig, maxBatch: 5_000 });
  };
  const targets: ConformanceTarget[] = [{ name: "s3 on a real server", open: openTable }];
  runConformance({ describe, test }, targets, { required: targets.map(({ name }) => name) });

  describe("a real S3 server", () => {
    it("refuses a version that is not the pinned one", async () => {
      const table = tableInfo({ rows: 50, encoding: { kind: "bf16", width: 8 } });
      const module = await putTable(table, deterministicRows(table, 1), (uri, bytes) => put("replaced", uri, bytes));
      const { clientConfig } = server;
      const store = await s3Store({ module, bucket: "tables", prefix: "replaced", clientConfig });
      await putTable(table, deterministicRows(table, 2), (uri, bytes) => put("replaced", uri, bytes));
      const ticket = store.prefetch(Uint32Array.of(3));
      const refusal = { code: "manifest-mismatch", context: { status: 412, reason: "replaced" } };
      await expect(ticket.ready).rejects.toMatchObject(refusal);
      await store.close();
    });

    it("takes an upload in parts, goes on with one that ended half-way, and gives it back", async () => {
      const table = tableInfo({ rows: 80_000, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
      const rows = deterministicRows(table, 9);
      const plan = smallPlan(new Map([[1, table]]));
      const driver = s3Driver({
        clientConfig: server.clientConfig,
        write: { partBytes: 5 * 2 ** 20, objectBytes: 11 * 2 ** 20 },
      });
      const uri = "s3://tables/models/real";
      const writeFrom = async (
        first: number,
        end: number,
        writer: Awaited<ReturnType<NonNullable<typeof driver.write>>>,
      ) => {
        for (let row = first; row < end; row += 5_000) {
          const some = rows.subarray(row * table.rowBytes, Math.min(end, row + 5_000) * table.rowBytes);
          await writer.write(1, row, some);
        }
      };
      const first = await driver.write?.(uri, plan);
      if (first === undefined) throw new Error("s3Driver writes");
      await writeFrom(0, 65_000, first);
      await first.close();
      const second = await driver.write?.(uri, plan);
      if (second === undefined) throw new Error("s3Driver writes");
      const committed = second.committed.get(1) ?? 0;
      expect(committed).toBeGreaterThan(0);
      await writeFrom(committed, table.rows, second);
      const manifest = await second.finish();
      await second.close();
      expect(manifest.modules[0]?.parts.length).toBe(3);
      const opened = await driver.open(uri);
      const store = opened.tables.get(1);
      const ids = Uint32Array.from({ length: table.rows }, (_, i) => i);
      const ticket = store?.prefetch(ids);
      await ticket?.ready;
      const out = new Uint8Array(rows.length);
      ticket?.gather(out);
      expect(findWrongRow(table, 9, ids, out)).toBe(-1);
      await opened.close();
      // published already: another writer that began before must not replace it unseen
      const third = await driver.write?.(uri, plan);
      await writeFrom(0, table.rows, third as typeof first);
      await put("models/real", "engram.json", new TextEncoder().encode("{}"));
      await expect(third?.finish()).rejects.toMatchObject({ code: "manifest-mismatch" });
      await third?.close();
    });
  });
}
