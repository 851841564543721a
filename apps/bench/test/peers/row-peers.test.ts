// Peers of a machine: what it lacks is named with the reason, and takes no part; fio, where it is installed, reads as many
// blocks as a row needs, past the system's cache.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { runCell } from "../../src/cells/run-cell.js";
import { findRowPeers } from "../../src/peers/row-peers.js";

const folder = mkdtempSync(join(tmpdir(), "engram-peers-"));
const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});
afterAll(() => rmSync(folder, { recursive: true }));

const path = join(folder, "rows");
writeFileSync(path, new Uint8Array(2 ** 24));
const table = { path, rows: 2 ** 16, rowBytes: 256, folder: join(folder, "peers") };
const calls = { ids: join(folder, "calls.u32"), count: 16 };

test("a machine with neither compiler, Python nor fio has no peers, and is told so", () => {
  process.env.PATH = folder;
  process.env.ENGRAM_PYTHON = "no-python-here";
  delete process.env.ENGRAM_TORCH_PYTHON;
  const peers = findRowPeers(folder);
  expect(peers.leftOut).toEqual([
    { what: "peers of no-python-here", why: "it does not run; name a Python in ENGRAM_PYTHON" },
    { what: "peers in C", why: "there is no C compiler, cc" },
    { what: "fio, the disk's limit", why: "fio is not installed" },
  ]);
  expect(peers.versions).toEqual({});
  for (const one of [peers.cMemory(table, calls), peers.cPread(table, calls, 4), peers.fio(table, calls, 4)]) {
    expect(one).toBeUndefined();
  }
  expect(peers.python("memmap", table, calls)).toBeUndefined();
});

test("a peer comes from the first Python that has it", () => {
  const made = (name: string, found: object) => {
    const at = join(folder, name);
    writeFileSync(at, `#!/bin/sh\necho '${JSON.stringify({ python: "3", ...found })}'\n`, { mode: 0o755 });
    return at;
  };
  process.env.ENGRAM_PYTHON = made("first", { memmap: "numpy 1", take: "numpy 1" });
  process.env.ENGRAM_TORCH_PYTHON = made("second", { memmap: "numpy 2", take: "numpy 2", torch: "torch 9" });
  const peers = findRowPeers(folder);
  expect(peers.python("memmap", table, calls)?.command[0]).toBe(process.env.ENGRAM_PYTHON);
  expect(peers.python("torch", table, calls)?.command[0]).toBe(process.env.ENGRAM_TORCH_PYTHON);
  expect(peers.versions).toMatchObject({ numpy: "1", torch: "9" });
  const missing = peers.leftOut.map(({ what }) => what).filter((what) => what !== "fio, the disk's limit");
  expect(missing).toEqual(["py-lmdb", "engramdb-python"]);
  expect(peers.pythonProgram).toBe(process.env.ENGRAM_PYTHON);
});

test("fio says what the disk gives, or is named as missing", async () => {
  const peers = findRowPeers(folder);
  const fio = peers.fio(table, calls, 4);
  if (fio === undefined) return expect(peers.leftOut.map(({ what }) => what)).toContain("fio, the disk's limit");
  const { report, leftOut } = await runCell(
    {
      id: "disk",
      suite: "test",
      title: "disk",
      labels: {},
      unit: "row",
      unitsPerCall: calls.count,
      listedCalls: 64,
      warmUpCalls: 2,
      state: "cold",
      cacheState: "",
      contestants: [fio],
      baseline: fio.name,
      checked: "",
      priority: 0,
    },
    { processes: 1, rounds: 1, roundMs: 1, openLoopMs: 1 },
  );
  expect(leftOut).toEqual([]);
  const [limit] = report?.contestants ?? [];
  expect(limit).toMatchObject({ name: "fio, 4 at once", kind: "limit" });
  expect(limit?.version).toMatch(/^fio-[\d.]+, libaio, direct, 4 at once, blocks of (512|4096) bytes$/);
  expect(limit?.nsPerUnit).toBeGreaterThan(100); // a read of no disk is quicker
  expect(limit?.nsPerUnit).toBeLessThan(1e9);
}, 60_000);
