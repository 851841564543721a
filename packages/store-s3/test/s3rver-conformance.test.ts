// The suite over s3rver, a second server that shares no code with the fake and does not look at If-Match.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, PutObjectCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { tableInfo } from "@engram-ts/core";
import { type ConformanceTarget, deterministicRows, runConformance } from "@engram-ts/store-kit";
import S3rver from "s3rver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { s3Store } from "../src/index.js";
import { putTable } from "./table-fixture.js";

const folder = mkdtempSync(join(tmpdir(), "engram-s3rver-"));
const server = new S3rver({ address: "127.0.0.1", port: 0, silent: true, directory: folder });
let clientConfig: S3ClientConfig = {};
let client: S3Client;
let prefixes = 0;

beforeAll(async () => {
  const { port } = await server.run();
  clientConfig = {
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" },
  };
  client = new S3Client(clientConfig);
  await client.send(new CreateBucketCommand({ Bucket: "tables" }));
});

afterAll(async () => {
  client.destroy();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const put = async (prefix: string, uri: string, bytes: Uint8Array): Promise<void> => {
  await client.send(new PutObjectCommand({ Bucket: "tables", Key: `${prefix}/${uri}`, Body: bytes }));
};

const target: ConformanceTarget = {
  name: "s3 on s3rver",
  async open(table, rows) {
    const prefix = `case-${prefixes++}`;
    const module = await putTable(table, rows, (uri, bytes) => put(prefix, uri, bytes), { apart: true, partRows: 40 });
    return s3Store({ module, bucket: "tables", prefix, clientConfig, maxBatch: 5_000 });
  },
};

runConformance({ describe, test }, [target], { required: ["s3 on s3rver"] });

test("an object replaced under its reader is refused though the server ignores If-Match", async () => {
  const table = tableInfo({ rows: 50, encoding: { kind: "bf16", width: 8 } });
  const module = await putTable(table, deterministicRows(table, 1), (uri, bytes) => put("replaced", uri, bytes));
  const store = await s3Store({ module, bucket: "tables", prefix: "replaced", clientConfig });
  await putTable(table, deterministicRows(table, 2), (uri, bytes) => put("replaced", uri, bytes));
  const ticket = store.prefetch(Uint32Array.of(3));
  await expect(ticket.ready).rejects.toMatchObject({ code: "manifest-mismatch", retry: "never" });
  await store.close();
});
