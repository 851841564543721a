import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { tableInfo } from "@engram-ts/core";
import { expect, it } from "vitest";
import { lmdbDriver, lmdbStore } from "../src/index.js";
import { ROW_SEED, read, started, tablePlan, temporaryFolder, writeAll, wrongRow } from "./table-plan.js";

type Child = ChildProcessByStdio<Writable, Readable, null>;

function start(program: string, ...args: readonly string[]) {
  const child: Child = spawn(process.execPath, [join(import.meta.dirname, program), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  return { child, exited, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

it("two processes read whole commits while this one writes, and nothing older after something newer", async () => {
  const path = temporaryFolder();
  const table = tableInfo({ rows: 700, encoding: { kind: "bf16", width: 20 } });
  const store = await lmdbStore({ path, table, initialize: (_, rows) => rows.fill(1) });
  const ids = Uint32Array.from({ length: 100 }, (_, i) => i * 7);
  const readers = [start("read-rows.mjs", path, "100"), start("read-rows.mjs", path, "100")];
  for (const { lines } of readers) expect((await lines.next()).value).toBe("1");
  for (const byte of [2, 3, 4, 5, 6, 7, 8, 255]) {
    const transaction = store.begin();
    await transaction.put(ids, new Uint8Array(100 * 40).fill(byte));
    await transaction.commit();
    if (byte === 5) for (const { lines } of readers) expect(Number((await lines.next()).value)).toBeGreaterThan(1);
  }
  for (const { exited } of readers) expect((await exited)[0]).toBe(0);
  await store.close();
});

it("another process sees a commit within refreshMs, and a ticket of before does not", async () => {
  const path = temporaryFolder();
  const { plan, tables } = tablePlan({ rows: 300, layers: [1] });
  const { child, lines } = start("write-rows.mjs", path);
  child.stdin.end(JSON.stringify({ manifest: plan.manifest, tables: [...tables], seed: ROW_SEED }));
  let line = "";
  while (line !== "finished") line = (await lines.next()).value;
  const opened = await lmdbDriver({ refreshMs: 0 }).open(`lmdb:${path}`);
  const reader = opened.tables.get(1);
  if (reader === undefined) throw new Error("layer 1 was written");
  expect(await wrongRow(reader, 1)).toBeUndefined();
  const before = reader.prefetch(Uint32Array.of(3));
  await before.ready;
  const writer = await lmdbStore({ path });
  const transaction = writer.begin();
  await transaction.put(Uint32Array.of(3), new Uint8Array(264).fill(9));
  await transaction.commit();
  expect(await read(reader, Uint32Array.of(3))).toEqual(new Uint8Array(264).fill(9));
  const rows = new Uint8Array(264);
  before.gather(rows);
  expect(rows[0]).not.toBe(9);
  before.release();
  await Promise.all([opened.close(), writer.close()]);
});

it("goes on with a writing that was killed at any moment, and loses no committed row", async () => {
  const { plan, tables } = tablePlan({ rows: 140_000, layers: [1] });
  const rows = tables.get(1)?.rows ?? 0;
  const uri = `lmdb:${temporaryFolder()}`;
  let safe = 0;
  for (const linesUntilKill of [1, 3, 22]) {
    const { child, exited, lines } = start("write-rows.mjs", uri.slice("lmdb:".length));
    child.stdin.end(JSON.stringify({ manifest: plan.manifest, tables: [...tables], seed: ROW_SEED }));
    for (let i = 0; i < linesUntilKill; i++) {
      const { value } = await lines.next();
      if (value.startsWith("[")) safe = JSON.parse(value)[0][1];
    }
    child.kill("SIGKILL");
    await exited;
    const writer = await started(uri, plan);
    expect(writer.committed.get(1)).toBeGreaterThanOrEqual(safe);
    await writer.close();
  }
  expect(safe).toBeGreaterThanOrEqual(63_565);
  expect(safe).toBeLessThan(rows);
  const writer = await started(uri, plan);
  await writeAll(writer, tables);
  await writer.finish();
  await writer.close();
  const opened = await lmdbDriver().open(uri);
  for (const [layer, store] of opened.tables) expect(await wrongRow(store, layer)).toBeUndefined();
  await opened.close();
});
