// Files that are not, or no longer, what the manifest says: a typed error, never a wrong row, never the end of the process.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chmodSync, closeSync, openSync, renameSync, rmSync, truncateSync, writeSync } from "node:fs";
import { open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isEngramError, type ManifestModule, tableInfo } from "@engram-ts/core";
import { fillRows } from "@engram-ts/store-kit";
import { afterAll, describe, expect, it } from "vitest";
import { type FileStoreOptions, fileStore } from "../src/index.js";
import { type FileLayout, removeFolders, temporaryFolder, writeTable } from "./table-files.js";

afterAll(removeFolders);

const SEED = 11;
const table = tableInfo({ rows: 20_000, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
const rows = new Uint8Array(table.rows * table.rowBytes);
fillRows(table, SEED, 0, rows);

function tableFiles(layout: FileLayout): { folder: string; module: ManifestModule; path: string } {
  const folder = temporaryFolder();
  const module = writeTable(folder, table, rows, layout);
  return { folder, module, path: join(folder, module.parts.at(-1)?.data.uri ?? "") };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isEngramError(error)) return error.code;
    throw error;
  }
  return "nothing thrown";
}

/** A reader in a process of its own, once it has begun; `ended` resolves to its lines and how it ended. */
async function reader(options: FileStoreOptions): Promise<{ child: ChildProcess; ended: Promise<string[]> }> {
  const program = join(import.meta.dirname, "read-until-refused.mjs");
  const child = spawn(process.execPath, [program, JSON.stringify(options), `${SEED}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  const output = createInterface({ input: child.stdout });
  output.on("line", (line) => lines.push(line));
  const ended = once(child, "close").then(([code, signal]) => [
    ...lines,
    `${code ?? signal}`,
    ...(errors === "" ? [] : [errors]),
  ]);
  await once(output, "line");
  return { child, ended };
}

const packed: FileLayout = { regions: "packed" };

describe("files cut under a reader", () => {
  it.each<[string, FileLayout, Partial<FileStoreOptions>, string]>([
    ["mapped", packed, {}, "mapped"],
    ["mapped, values and scales apart, in parts", { regions: "apart", partRows: 7_000 }, {}, "mapped"],
    ["read synchronously", packed, { mapping: "off", reads: "sync" }, "off: not asked for"],
    ["read asynchronously", packed, { mapping: "off", reads: "async" }, "off: not asked for"],
  ])("%s: a typed error, and the process lives", async (_name, layout, options, mapping) => {
    const { folder, module, path } = tableFiles(layout);
    const { ended } = await reader({ module, folder, ...options });
    const before = performance.now();
    await truncate(path, 5_000);
    // under a lease the cut waits for the reader, which must not let it wait for the 45 seconds that the system allows
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(await ended).toEqual([mapping, "truncated", "0"]);
  });

  it("overwritten in place: refused within the second, and no process ends", async () => {
    const { folder, module, path } = tableFiles(packed);
    const { ended } = await reader({ module, folder });
    const file = await open(path, "r+");
    await file.write(rows, 0, 264, 0); // the same bytes: what counts is that it was written to
    await file.close();
    expect(await ended).toEqual(["mapped", "io", "0"]);
  });
});

describe("opening", () => {
  it.each(["auto", "off"] as const)("refuses files of another size, mapping %s", (mapping) => {
    const { folder, module, path } = tableFiles({ regions: "apart", partRows: 9_000 });
    const opened = () => codeOf(() => fileStore({ module, folder, mapping }));
    appendFileSync(path, "x");
    expect(opened()).toBe("manifest-mismatch");
    truncateSync(path, 100);
    expect(opened()).toBe("truncated");
    rmSync(path);
    expect(opened()).toBe("not-found");
  });

  it("refuses folders, paths outside, and options that are none", () => {
    const { folder, module } = tableFiles(packed);
    const part = module.parts[0];
    if (part === undefined) throw new Error("a part");
    const named = (uri: string) => ({ ...module, parts: [{ ...part, data: { ...part.data, uri } }] });
    expect(codeOf(() => fileStore({ module: named("."), folder }))).toBe("io");
    for (const uri of ["../all.rows", "/etc/passwd", "a/../../b"]) {
      expect(codeOf(() => fileStore({ module: named(uri), folder }))).toBe("invalid-argument");
    }
    const wrong = { folder: "", maxBatch: 0, mapping: "yes", reads: 1, queueDepth: 0.5, module: {} };
    for (const [name, value] of Object.entries(wrong)) {
      const options = { module, folder, [name]: value } as FileStoreOptions; // what a caller without types may pass
      expect(codeOf(() => fileStore(options))).toBe("invalid-argument");
    }
  });

  it("maps no file that is open for writing, and says so", async () => {
    const { folder, module, path } = tableFiles(packed);
    const descriptor = openSync(path, "r+");
    const store = fileStore({ module, folder });
    expect(store.diagnostics.mapping).toContain("open for writing");
    await store.close();
    const trusting = fileStore({ module, folder, mapping: "always" });
    expect(trusting.diagnostics.mapping).toBe("mapped");
    writeSync(descriptor, rows, 0, 264, 0);
    closeSync(descriptor);
    const ticket = trusting.prefetch(Uint32Array.of(3));
    await ticket.ready;
    ticket.gather(new Uint8Array(264)); // gives the mapping up, and reads
    expect(trusting.diagnostics.mapping).toContain("off: ");
    await trusting.close();
  });

  it("tells a file that may not be read from one that is not there, and gives too many open files a name", () => {
    const { folder, module } = tableFiles({ regions: "packed", partRows: 40 });
    const program = join(import.meta.dirname, "read-until-refused.mjs");
    const options = JSON.stringify({ module, folder });
    const run = (limit: string, uid: number | undefined) =>
      spawnSync("sh", ["-c", `${limit} exec "$0" "$1" "$2" ${SEED}`, process.execPath, program, options], {
        ...(uid === undefined ? {} : { uid }),
        encoding: "utf8",
      });
    const closed = join(folder, module.parts[3]?.data.uri ?? "");
    chmodSync(closed, 0);
    chmodSync(folder, 0o755);
    // root may read everything; nobody may not
    expect(run("", process.getuid?.() === 0 ? 65_534 : undefined)).toMatchObject({
      stdout: "permission-denied\n",
      stderr: "",
    });
    chmodSync(closed, 0o644);
    expect(run("ulimit -n 400;", undefined)).toMatchObject({ stdout: "io\n", stderr: "" });
  });

  it("keeps the rows of a file that was replaced by another of its name", async () => {
    const { folder, module, path } = tableFiles(packed);
    const store = fileStore({ module, folder });
    const other = tableFiles(packed);
    truncateSync(other.path, 1_000);
    renameSync(other.path, path);
    const ticket = store.prefetch(Uint32Array.of(19_999));
    await ticket.ready;
    const row = new Uint8Array(264);
    ticket.gather(row);
    expect(row).toEqual(rows.slice(-264));
    await store.close();
  });
});
