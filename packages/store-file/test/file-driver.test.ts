// Tables written by the driver and read back: whole, resumed after a kill at any call, refused where they do not fit.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isEngramError, type Manifest, type RowEncoding, type TableWriter } from "@engram-ts/core";
import { afterAll, describe, expect, it } from "vitest";
import { fileDriver } from "../src/index.js";
import { removeFolders, temporaryFolder } from "./table-files.js";
import { ROW_SEED, tablePlan } from "./table-plan.js";

afterAll(removeFolders);

const E8M0: RowEncoding = { kind: "fp8-e4m3-e8m0", width: 32 };
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isEngramError(error)) return error.code;
    throw error;
  }
  return "nothing thrown";
}

function started(folder: string, plan: ReturnType<typeof tablePlan>["plan"], replace = false): Promise<TableWriter> {
  const driver = fileDriver({ partBytes: 3_000, blockBytes: 500, commitBytes: 2_000 });
  const write = driver.write?.(`file:${folder}`, plan, { replace });
  if (write === undefined) throw new Error("the driver cannot write");
  return write;
}

/** Reads everything back through the driver and compares bytes, digests of objects and digests of blocks. */
async function expectTables(folder: string, plan: ReturnType<typeof tablePlan>, manifest: Manifest): Promise<void> {
  const opened = await fileDriver().open(`file:${folder}`);
  try {
    expect(opened.manifest).toEqual(manifest);
    for (const [layer, table] of plan.tables) {
      const store = opened.tables.get(layer);
      const ticket = store?.prefetch(Uint32Array.from({ length: table.rows }, (_, i) => i));
      await ticket?.ready;
      const rows = new Uint8Array(table.rows * table.rowBytes);
      ticket?.gather(rows);
      ticket?.release();
      expect(Buffer.from(rows).equals(plan.rowsOf(layer, 0, table.rows))).toBe(true);
      const module = manifest.modules.find((one) => one.layer === layer);
      for (const { data } of module?.parts ?? [])
        expect(sha256(readFileSync(join(folder, data.uri)))).toBe(data.sha256);
      const { rows: blockRows = 0, digests } = module?.blocks ?? {};
      const stored = readFileSync(join(folder, digests?.uri ?? ""));
      expect(sha256(stored)).toBe(digests?.sha256);
      const expected = [];
      for (let row = 0; row < table.rows; row += blockRows) {
        expected.push(sha256(rows.subarray(row * table.rowBytes, (row + blockRows) * table.rowBytes)));
      }
      expect(stored.toString("hex")).toBe(expected.join(""));
    }
  } finally {
    await opened.close();
  }
}

async function writeAll(writer: TableWriter, { tables, rowsOf }: ReturnType<typeof tablePlan>, step: number) {
  for (const [layer, table] of tables) {
    for (let row = writer.committed.get(layer) ?? 0; row < table.rows; row += step) {
      await writer.write(layer, row, rowsOf(layer, row, Math.min(step, table.rows - row)));
    }
  }
}

describe("writing", () => {
  it.each([1, 91, 10_000])("writes and reads back, %i rows a call", async (step) => {
    const folder = join(temporaryFolder(), "new", "folder");
    const plan = tablePlan(E8M0);
    const writer = await started(folder, plan.plan);
    expect([...writer.committed.values()]).toEqual([0, 0]);
    await writeAll(writer, plan, step);
    expect(existsSync(join(folder, "engram.json"))).toBe(false);
    const manifest = await writer.finish(new Map([[1, `sha256:${"a".repeat(64)}`]]));
    expect(manifest.modules.map(({ digest }) => digest)).toEqual([`sha256:${"a".repeat(64)}`, undefined]);
    expect(manifest.modules[0]?.parts.length).toBeGreaterThan(5);
    await expectTables(folder, plan, manifest);
    expect(readdirSync(folder).filter((name) => name.includes("writing"))).toEqual([]);
  });

  it("gives a table in one part that part's digest, by default in one part", async () => {
    const folder = temporaryFolder();
    const plan = tablePlan({ kind: "bf16", width: 4 }, [1]);
    const writer = await fileDriver().write?.(`file:${folder}`, plan.plan);
    await writer?.write(1, 0, plan.rowsOf(1, 0, plan.tables.get(1)?.rows ?? 0));
    const manifest = await writer?.finish();
    const [module] = manifest?.modules ?? [];
    expect(module?.parts.length).toBe(1);
    expect(module?.digest).toBe(`sha256:${sha256(plan.rowsOf(1, 0, module?.rows ?? 0))}`);
  });

  it("replaces tables at once; those who have the old ones open keep them", async () => {
    const folder = temporaryFolder();
    const first = tablePlan(E8M0);
    const writer = await started(folder, first.plan);
    await writeAll(writer, first, 500);
    await writer.finish();
    const old = await fileDriver().open(`file:${folder}`, { layers: [15] });
    const second = tablePlan({ kind: "f32", width: 9 });
    const next = await started(folder, second.plan);
    await writeAll(next, second, 500);
    await expectTables(folder, first, (await fileDriver().open(`file:${folder}`)).manifest);
    const manifest = await next.finish();
    await expectTables(folder, second, manifest);
    expect(readdirSync(folder).length).toBe(2);
    const ticket = old.tables.get(15)?.prefetch(Uint32Array.of(3, 800));
    await ticket?.ready;
    const rows = new Uint8Array(2 * 33);
    ticket?.gather(rows);
    expect(rows.subarray(33)).toEqual(first.rowsOf(15, 800, 1));
    await old.close();
  });

  it("goes on after a kill at any call, and loses no row that was committed", async () => {
    const plan = tablePlan(E8M0);
    const folder = temporaryFolder();
    const program = join(import.meta.dirname, "write-and-exit.mjs");
    const input = JSON.stringify({ manifest: plan.plan.manifest, tables: [...plan.tables], seed: ROW_SEED });
    const safe: number[] = [0];
    // 1,800 rows a table in steps of 61: some kills fall on a commit, some on the change of a part or of the table
    for (const calls of [0, 1, 3, 7]) {
      const { signal, stderr } = spawnSync(process.execPath, [program, folder, `${calls}`, "61"], { input });
      expect(`${signal} ${stderr.toString().slice(0, 500)}`).toBe("SIGKILL ");
      const writer = await started(folder, plan.plan);
      const rows = [...writer.committed.values()].reduce((sum, count) => sum + count, 0);
      expect(rows).toBeGreaterThanOrEqual(safe.at(-1) ?? 0);
      safe.push(rows);
      await writer.close();
    }
    expect(safe.at(-1)).toBeGreaterThan(300);
    const writer = await started(folder, plan.plan);
    await writeAll(writer, plan, 77);
    await expectTables(folder, plan, await writer.finish());
  });

  it("goes on from every place, whatever parts and blocks begin there", async () => {
    const plan = tablePlan(E8M0, [1]);
    const rows = plan.tables.get(1)?.rows ?? 0;
    // parts of 90 rows, blocks of 15
    for (const at of [14, 15, 90, 91, 104, rows - 1, rows]) {
      const folder = temporaryFolder();
      const before = await started(folder, plan.plan);
      await before.write(1, 0, plan.rowsOf(1, 0, at));
      await before.close();
      const writer = await started(folder, plan.plan);
      expect(writer.committed.get(1)).toBe(at);
      await writeAll(writer, plan, rows);
      await expectTables(folder, plan, await writer.finish());
    }
  });

  it("refuses rows out of order, beyond the table, or cut, and finishing too early", async () => {
    const plan = tablePlan(E8M0);
    const writer = await started(temporaryFolder(), plan.plan);
    await writer.write(1, 0, plan.rowsOf(1, 0, 10));
    expect(await codeOf(() => writer.write(1, 11, plan.rowsOf(1, 11, 1)))).toBe("invalid-argument");
    expect(await codeOf(() => writer.write(1, 10, new Uint8Array(34)))).toBe("invalid-argument");
    expect(await codeOf(() => writer.write(1, 10, new Uint8Array(33 * 5000)))).toBe("invalid-argument");
    expect(await codeOf(() => writer.write(2, 0, new Uint8Array(33)))).toBe("invalid-argument");
    expect(await codeOf(() => writer.finish())).toBe("invalid-argument");
    await writer.close();
    expect(await codeOf(() => writer.write(1, 10, new Uint8Array(33)))).toBe("store-closed");
  });

  it("refuses to go on with other tables, with damaged rows, with a strange journal, unless told to replace", async () => {
    const folder = temporaryFolder();
    const plan = tablePlan(E8M0);
    const writer = await started(folder, plan.plan);
    await writer.write(1, 0, plan.rowsOf(1, 0, 200));
    await writer.close();
    const other = tablePlan({ kind: "f32", width: 9 });
    expect(await codeOf(() => started(folder, other.plan))).toBe("manifest-mismatch");
    const rowsFolder = readdirSync(folder).find((name) => name.startsWith("rows-")) ?? "";
    const damaged = join(folder, rowsFolder, "layer-01-0002.rows");
    const bytes = readFileSync(damaged);
    writeFileSync(
      damaged,
      Uint8Array.from(bytes, (byte, i) => (i === 5 ? byte ^ 1 : byte)),
    );
    expect(await codeOf(() => started(folder, plan.plan))).toBe("digest-mismatch");
    truncateSync(damaged, 4);
    expect(await codeOf(() => started(folder, plan.plan))).toBe("digest-mismatch");
    writeFileSync(join(folder, "engram.writing.json"), '{"folder":"../.."}');
    expect(await codeOf(() => started(folder, plan.plan))).toBe("manifest-mismatch");
    const fresh = await started(folder, other.plan, true);
    expect(fresh.committed.get(1)).toBe(0);
    await fresh.close();
  });

  it("keeps the token map, and refuses another", async () => {
    const folder = temporaryFolder();
    const { plan, ...rest } = tablePlan(E8M0, [1]);
    const tokenMap = new Uint8Array(400).fill(7);
    const named = { file: "maps/tokens.bin", bytes: 400, sha256: sha256(tokenMap), tokens: 90, compressed: 50 };
    const withMap = { ...plan, manifest: { ...plan.manifest, tokenMap: named } };
    expect(await codeOf(() => started(folder, withMap))).toBe("invalid-argument");
    expect(await codeOf(() => started(folder, { ...withMap, tokenMap: tokenMap.slice(1) }))).toBe("digest-mismatch");
    const writer = await started(folder, { ...withMap, tokenMap });
    await writeAll(writer, { plan, ...rest }, 1_000);
    await writer.finish();
    const opened = await fileDriver().open(`file:${folder}`);
    expect(Uint8Array.from((await opened.tokenMap?.()) ?? [])).toEqual(tokenMap);
    await opened.close();
  });

  it("refuses what the disk cannot hold, and where it may not write", async () => {
    const { plan } = tablePlan(E8M0);
    const tables = new Map([
      [1, { rows: 0xffff_ffff, rowBytes: 65_536 * 4, encoding: { kind: "f32", width: 65_536 } as const }],
    ]);
    expect(await codeOf(() => started(temporaryFolder(), { ...plan, tables }))).toBe("out-of-space");
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    expect(await codeOf(() => started(join(file, "below"), plan))).toBe("not-found");
    expect(await codeOf(() => started("/sys/engram", plan))).toBe("permission-denied");
  });
});

describe("opening", () => {
  it("takes the ways to write a folder", async () => {
    const folder = temporaryFolder();
    const plan = tablePlan(E8M0, [1]);
    const writer = await started(folder, plan.plan);
    await writeAll(writer, plan, 1_000);
    await writer.finish();
    for (const uri of [`file:${folder}`, `file://${folder}`, `file:${folder}/`, `file:${folder}/engram.json`]) {
      const opened = await fileDriver().open(uri);
      expect([...opened.tables.keys()]).toEqual([1]);
      await opened.close();
    }
    expect(await codeOf(() => fileDriver().open(`file:${folder}`, { layers: [15] }))).toBe("not-found");
    const signal = AbortSignal.abort();
    expect(await codeOf(() => fileDriver().open(`file:${folder}`, { signal }))).toBe("aborted");
  });

  it("says what is wrong with a URI, a folder, a manifest", async () => {
    const open = (uri: string) => codeOf(() => fileDriver().open(uri));
    for (const uri of ["lmdb:./x", "file:", "file://host/x", "file:\0"])
      expect(await open(uri)).toBe("invalid-argument");
    const folder = temporaryFolder();
    expect(await open(`file:${folder}/none`)).toBe("not-found");
    mkdirSync(join(folder, "engram.json"));
    expect(await open(`file:${folder}`)).toBe("io");
    writeFileSync(join(temporaryFolder(), "engram.json"), "{");
    const cut = temporaryFolder();
    writeFileSync(join(cut, "engram.json"), '{"format": "engram"');
    expect(await open(`file:${cut}`)).toBe("invalid-manifest");
    const huge = temporaryFolder();
    writeFileSync(join(huge, "engram.json"), "");
    truncateSync(join(huge, "engram.json"), 2 ** 30);
    expect(await open(`file:${huge}`)).toBe("invalid-manifest");
  });
});
