import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lmdbDriver, lmdbStore, openLmdbCache } from "../src/index.js";
import { KIND, metaKey, rowKey } from "../src/lmdb-keys.js";
import { codeOf, rowsOf, started, tablePlan, temporaryFolder, writeAll, wrongRow } from "./table-plan.js";

const driver = lmdbDriver();

async function written(path: string, rows = 300) {
  const plan = tablePlan({ rows, layers: [1] });
  const writer = await started(`lmdb:${path}`, plan.plan);
  await writeAll(writer, plan.tables);
  await writer.finish();
  await writer.close();
  return plan;
}

/** Changes records behind the package's back. */
async function tamper(path: string, change: (raw: RawDatabase) => Promise<unknown>): Promise<void> {
  const { open } = createRequire(import.meta.url)("lmdb") as { open(options: object): RawDatabase };
  const raw = open({
    path,
    noSubdir: false,
    mapSize: 2 ** 40,
    encoding: "binary",
    keyEncoding: "binary",
    overlappingSync: false,
  });
  await change(raw);
  await raw.close();
}

interface RawDatabase {
  getBinary(key: Uint8Array): Uint8Array;
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>;
  remove(key: Uint8Array): Promise<boolean>;
  close(): Promise<void>;
}

/** A small file system, or undefined where this user may not mount one; then the test says so. */
function smallDisk(megabytes: number): { path: string; mount(options: string): void; unmount(): void } | undefined {
  const path = temporaryFolder();
  const mount = (options: string) =>
    execFileSync("/bin/mount", ["-t", "tmpfs", "-o", options, "tmpfs", path], { stdio: "pipe" });
  try {
    mount(`size=${megabytes}m`);
  } catch {
    console.log("left out: this user may not mount a tmpfs");
    return undefined;
  }
  return { path, mount, unmount: () => execFileSync("/bin/umount", ["-l", path]) };
}

describe("a disk that is full", () => {
  it("is out-of-space before anything is written where the tables cannot fit", async () => {
    const disk = smallDisk(24);
    if (disk === undefined) return;
    try {
      const { plan } = tablePlan({ rows: 140_000, layers: [1] });
      expect(await codeOf(() => started(`lmdb:${disk.path}/t`, plan))).toBe("out-of-space");
    } finally {
      disk.unmount();
    }
  });

  it("is out-of-space while writing; what was committed is kept and gone on with, and readers go on", async () => {
    const disk = smallDisk(100);
    if (disk === undefined) return;
    try {
      await written(join(disk.path, "read"));
      const reader = await lmdbStore({ path: join(disk.path, "read") });
      const uri = `lmdb:${disk.path}/t`;
      const { plan, tables } = tablePlan({ rows: 200_000, layers: [1] });
      const writer = await started(uri, plan);
      writeFileSync(join(disk.path, "ballast"), new Uint8Array(60e6));
      expect(await codeOf(() => writeAll(writer, tables))).toBe("out-of-space");
      const committed = writer.committed.get(1) ?? 0;
      expect(committed).toBeGreaterThanOrEqual(63_565);
      expect(await codeOf(() => writer.close())).toBe("out-of-space"); // rows that were given and could not be kept
      const patch = reader.begin();
      const transactionCode = await codeOf(async () => {
        for (let i = 0; i < 4_000; i++) await patch.put(Uint32Array.of(i % 300), new Uint8Array(264).fill(i));
        await patch.commit();
      });
      expect(["none", "out-of-space"]).toContain(transactionCode);
      if (transactionCode !== "none") expect(await wrongRow(reader, 1)).toBeUndefined();
      await reader.close();
      rmSync(join(disk.path, "ballast"));
      const next = await started(uri, plan);
      expect(next.committed.get(1)).toBe(committed);
      await writeAll(next, tables);
      await next.finish();
      await next.close();
      const opened = await driver.open(uri);
      for (const [layer, store] of opened.tables) expect(await wrongRow(store, layer)).toBeUndefined();
      await opened.close();
    } finally {
      disk.unmount();
    }
  });
});

describe("a folder that cannot be written", () => {
  it("is read on a read-only disk, and refused for writing", async () => {
    const disk = smallDisk(24);
    if (disk === undefined) return;
    try {
      const path = join(disk.path, "t");
      const { plan } = await written(path);
      disk.mount("remount,ro");
      const store = await lmdbStore({ path });
      expect(store.capabilities.writable).toBe(false);
      expect(await codeOf(() => store.begin())).toBe("store-read-only");
      expect(await wrongRow(store, 1)).toBeUndefined();
      const second = await lmdbStore({ path });
      expect(await wrongRow(second, 1)).toBeUndefined();
      await second.close();
      expect(await wrongRow(store, 1)).toBeUndefined();
      await store.close();
      expect(await codeOf(() => started(`lmdb:${path}`, plan))).toBe("permission-denied");
      expect(await codeOf(() => started(`lmdb:${path}/new`, plan))).toBe("permission-denied");
      const table = plan.tables.get(1);
      if (table !== undefined)
        expect(await codeOf(() => openLmdbCache({ path, layer: 1, table }))).toBe("permission-denied");
    } finally {
      disk.unmount();
    }
  });

  it("is permission-denied for a user without access", async () => {
    const path = temporaryFolder();
    await written(join(path, "t"));
    mkdirSync(join(path, "closed"), { mode: 0o555 });
    chmodSync(path, 0o755);
    for (const file of ["t", "t/data.mdb", "t/lock.mdb"]) chmodSync(join(path, file), 0o500);
    const program = `
      const { lmdbStore, lmdbDriver } = await import(${JSON.stringify(import.meta.resolve("@engram-ts/store-lmdb"))});
      const code = (run) => run().then(() => "none", (error) => error.code);
      console.log(await code(() => lmdbStore({ path: ${JSON.stringify(join(path, "t"))} })));
      console.log(await code(() => lmdbDriver().openCache("lmdb:${path}/closed/c", 1, { rows: 1, rowBytes: 4, encoding: { kind: "f32", width: 1 } })));
    `;
    const other = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      ...other,
      encoding: "utf8",
    });
    expect(`${stdout}${stderr.slice(0, 500)}`).toBe("permission-denied\npermission-denied\n");
  });
});

describe("an environment that is damaged", () => {
  it("is refused by its records, whatever byte of them is wrong", async () => {
    for (const at of [0, 31, 32, 60, -1]) {
      const path = temporaryFolder();
      await written(path);
      await tamper(path, async (raw) => {
        const value = raw.getBinary(metaKey("published")).slice();
        value[at < 0 ? value.length + at : at] = (value.at(at) ?? 0) ^ 4;
        await raw.put(metaKey("published"), value);
      });
      expect(await codeOf(() => lmdbStore({ path }))).toBe("invalid-manifest");
      expect(await codeOf(() => driver.open(`lmdb:${path}`))).toBe("invalid-manifest");
    }
  });

  it("is refused where a block is missing or short", async () => {
    for (const change of ["remove", "cut"] as const) {
      const path = temporaryFolder();
      await written(path);
      await tamper(path, async (raw) => {
        const key = rowKey(KIND.block, 1, 0);
        if (change === "remove") await raw.remove(key);
        else await raw.put(key, raw.getBinary(key).slice(1));
      });
      expect(await codeOf(() => lmdbStore({ path }))).toBe("truncated");
    }
  });

  it("is refused where it is of another format, of another program, or no environment at all", async () => {
    const path = temporaryFolder();
    const { plan } = await written(join(path, "format"));
    await tamper(join(path, "format"), (raw) => raw.put(metaKey("format"), new TextEncoder().encode("engram-lmdb 2")));
    expect(await codeOf(() => lmdbStore({ path: join(path, "format") }))).toBe("unsupported");
    expect(await codeOf(() => started(`lmdb:${path}/format`, plan))).toBe("unsupported");
    mkdirSync(join(path, "foreign"));
    await tamper(join(path, "foreign"), (raw) => raw.put(Uint8Array.of(65), Uint8Array.of(66)));
    expect(await codeOf(() => started(`lmdb:${path}/foreign`, plan))).toBe("unsupported");
    mkdirSync(join(path, "garbage"));
    writeFileSync(
      join(path, "garbage", "data.mdb"),
      rowsOf(tablePlan({ rows: 99 }).tables.get(1) ?? never(), 1, 0, 80),
    );
    expect(await codeOf(() => lmdbStore({ path: join(path, "garbage") }))).toBe("truncated");
    await written(join(path, "well")); // after all that
    const store = await lmdbStore({ path: join(path, "well") });
    expect(await wrongRow(store, 1)).toBeUndefined();
    await store.close();
  });
});

function never(): never {
  throw new Error("layer 1 is in the plan");
}
