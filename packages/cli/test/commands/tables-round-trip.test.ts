// From a published layout through every tier and back: the same digests everywhere, the same rows from every tier and from
// stacks of them, and a second run over a stack that reads no row from the object store. S3 is store-kit's server.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createAddressing, deterministicRows, type OpenedTables, parseManifest, tableInfo } from "@engram-ts/core";
import { type FakeS3, fakeS3 } from "@engram-ts/store-kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openByUri } from "../../src/drivers.js";
import { gatherRows, type TableRuns, tableRuns } from "../table-runs.js";

const LAYOUTS = ["deepseek-v4.1", "qwen3.8", "engram-demo"] as const;
let s3: FakeS3;
let runs: TableRuns;
const before = { ...process.env };

beforeAll(async () => {
  s3 = await fakeS3({ seed: 1 });
  const env = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "made-up",
    AWS_SECRET_ACCESS_KEY: "made-up",
  };
  Object.assign(process.env, env);
  runs = await tableRuns("round-trip", env);
});
afterAll(async () => {
  process.env = before; // as other tests of this process found it
  await s3.close();
  await runs.remove();
});

const digests = (layers: readonly { layer: number; digest: string }[]) =>
  layers.map(({ layer, digest }) => [layer, digest]);
const inFolder = (path: string): string => join(runs.folder, path);

describe.each(LAYOUTS)("%s", (layout) => {
  it("goes in place, to a file, to LMDB, to S3 and back, bit for bit", async () => {
    await runs.json("make-fixture", layout, "--out", layout, "--table-size", "60", "--seed", "5");
    const imported = await runs.json("import", layout, "--to", `file:./file-${layout}`);
    const inPlace = await runs.json("import", layout, "--in-place");
    const steps = [
      inPlace,
      await runs.json("copy", `file:./${layout}`, `lmdb:./lmdb-${layout}`), // two regions to packed rows
      await runs.json("copy", `lmdb:./lmdb-${layout}`, `s3://tables/${layout}`),
      await runs.json("copy", `s3://tables/${layout}`, `file:./back-${layout}`),
    ];
    for (const step of steps) expect(digests(step.layers)).toEqual(digests(imported.layers));
    // The digest is that of the rows themselves, made from the seed in this process.
    const manifest = parseManifest(await readFile(inFolder(`back-${layout}/engram.json`), "utf8"));
    expect(manifest.modules).toHaveLength(imported.layers.length);
    for (const { layer, rows, encoding, digest } of manifest.modules) {
      const all = deterministicRows(tableInfo({ rows, encoding }), 5 + layer);
      expect(digest).toBe(`sha256:${createHash("sha256").update(all).digest("hex")}`);
    }
    const verified = await runs.json("verify", `lmdb:./lmdb-${layout}`, "--fill-seed", "5");
    expect(verified.layers).toEqual(imported.layers.map(() => expect.objectContaining({ compared: "fill" })));
  });

  it("gives the same rows on every tier and stack", async () => {
    const uris = [
      `file:${inFolder(layout)}`,
      `file:${inFolder(`file-${layout}`)}`,
      `lmdb:${inFolder(`lmdb-${layout}`)}`,
      `s3://tables/${layout}`,
      `dram:file:${inFolder(`back-${layout}`)}`,
      `dram(1MiB) > lmdb:${inFolder(`cache-${layout}`)} > s3://tables/${layout}`,
      `dram(20KB) > file:${inFolder(layout)}`,
    ];
    let expected: Uint8Array[] | undefined;
    for (const uri of uris) {
      const opened = await openByUri(uri);
      try {
        createAddressing(opened.manifest.addressing, { derived: opened.manifest.derived });
        const found: Uint8Array[] = [];
        for (const [layer, { table }] of opened.tables) {
          const ids = Uint32Array.from({ length: 500 }, (_, i) => (i * 7919 + layer) % table.rows);
          ids[17] = table.rows - 1;
          ids[18] = 0;
          found.push(await gatherRows(opened, layer, ids));
        }
        expected ??= found;
        expect(found.length).toBeGreaterThan(0);
        found.forEach((rows, i) => {
          expect(Buffer.compare(rows, expected?.[i] ?? new Uint8Array()), `${uri}, table ${i}`).toBe(0);
        });
      } finally {
        await opened.close();
      }
    }
  });
});

describe("dram(1MiB) > lmdb:./cache > s3://...", () => {
  it("reads no row from S3 in a second run over the same rows", async () => {
    const uri = `dram(1MiB) > lmdb:${inFolder("second")} > s3://tables/deepseek-v4.1`;
    const read = async (): Promise<{ rows: Uint8Array[]; requests: number }> => {
      const opened = await openByUri(uri);
      const sent = s3.stats().requests;
      const rows: Uint8Array[] = [];
      for (const layer of opened.tables.keys()) {
        for (let turn = 0; turn < 5; turn++) {
          const ids = Uint32Array.from({ length: 48 }, (_, i) => i * 31 + turn * 3);
          rows.push(await gatherRows(opened, layer, ids));
        }
      }
      const requests = s3.stats().requests - sent;
      await opened.close();
      return { rows, requests };
    };
    const first = await read();
    const second = await read();
    expect(first.requests).toBeGreaterThan(0);
    expect(second.requests).toBe(0);
    expect(second.rows).toEqual(first.rows);
  });

  it("opens layers in different places", async () => {
    const opened: OpenedTables = await openByUri({
      1: `dram:file:${inFolder("file-deepseek-v4.1")}`,
      14: "s3://tables/deepseek-v4.1",
    });
    expect([...opened.tables.keys()]).toEqual([1, 14]);
    expect(opened.tables.get(1)?.capabilities.resident).toBe(true);
    await opened.close();
    await expect(
      openByUri({ 1: `file:${inFolder("file-deepseek-v4.1")}`, 15: `file:${inFolder("file-engram-demo")}` }),
    ).rejects.toMatchObject({ code: "manifest-mismatch" });
  });
});

describe("engram inspect", () => {
  it("tells the same of all places, but for parts and what their stores can do", async () => {
    const of = async (uri: string) => {
      const { manifest, stores, rowsPerToken } = await runs.json("inspect", uri);
      const { addressing, derived } = manifest as { addressing: object; derived: object };
      const shapes = (stores as { layer: number; rows: number; rowBytes: number }[]).map(
        ({ layer, rows, rowBytes }) => ({
          layer,
          rows,
          rowBytes,
        }),
      );
      return { addressing, derived, shapes, rowsPerToken };
    };
    const file = await of("file:./deepseek-v4.1");
    expect(file.rowsPerToken).toBe(24);
    expect(file.shapes[0]).toMatchObject({ layer: 1, rowBytes: 264 });
    for (const uri of ["lmdb:./lmdb-deepseek-v4.1", "s3://tables/deepseek-v4.1"]) expect(await of(uri)).toEqual(file);
    const text = await runs.run("inspect", "file:./deepseek-v4.1");
    expect(text.stdout).toContain("scales apart");
    expect(text.stdout).toContain("24 rows a token");
  });
});
