// What cells read and how it is checked: the checksum from row ids alone is the checksum of the rows that a store gives, and
// a contestant that gives other rows ends the cell.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CellPlan } from "../../src/cells/cell-plan.js";
import { openTablesAt } from "../../src/cells/open-store.js";
import { filesBelow, packedRowsFile, writeTable } from "../../src/cells/row-table.js";
import { runCell } from "../../src/cells/run-cell.js";
import { checksum, expectedChecksum } from "../../src/cells/table-words.js";
import { canDropFiles, dropFiles, readFiles, residentShare } from "../../src/machine/page-cache.js";
import { findRowPeers } from "../../src/peers/row-peers.js";
import { plainContestant, tierContestant } from "../../src/suites/tier-contestants.js";
import { sizedAddressing } from "../../src/traces/trace-rows.js";

const folder = mkdtempSync(join(tmpdir(), "engram-rows-"));
const sized = sizedAddressing("deepseek-v4.1-flash", 5_000);
const uri = `file:${join(folder, "table")}`;
const COUNT = 24;
const list = Uint32Array.from({ length: COUNT * 32 }, (_, i) => (i * 2_654_435) % sized.rows);
const ids = join(folder, "calls.u32");
const effort = { processes: 2, rounds: 3, roundMs: 2, openLoopMs: 50 };
let path = "";

const planOf = (contestants: CellPlan["contestants"], more: Partial<CellPlan> = {}): CellPlan => ({
  id: "test",
  suite: "test",
  title: "test",
  labels: {},
  unit: "row",
  unitsPerCall: COUNT,
  listedCalls: 32,
  state: "hot",
  cacheState: "hot",
  contestants,
  baseline: contestants[0]?.name ?? "",
  expected: (first, calls) => {
    const last = (first + calls - 1) % 32;
    return expectedChecksum(list.subarray(last * COUNT, (last + 1) * COUNT), 264);
  },
  checked: "",
  priority: 0,
  ...more,
});
const tier = (name: string, where: string) =>
  tierContestant(name, { uri: where, layer: 1, ids, count: COUNT, touch: true }, () =>
    filesBelow(join(folder, "table")),
  );

beforeAll(async () => {
  writeFileSync(ids, list);
  await writeTable(uri, sized);
  await writeTable(`lmdb:${join(folder, "lmdb")}`, sized);
  path = packedRowsFile(join(folder, "table"), { rows: sized.rows, encoding: sized.encoding, rowBytes: 264 }) ?? "";
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the checksum from ids alone is that of the rows a store gives", async () => {
  const { tables, close } = await openTablesAt(uri, [1]);
  const ticket = tables.get(1)?.prefetch(list);
  const out = new Uint8Array(list.length * 264);
  await ticket?.ready;
  ticket?.gather(out);
  ticket?.release();
  await close();
  expect(expectedChecksum(list, 264)).toBe(checksum(out));
  expect(expectedChecksum(list.subarray(1), 264)).not.toBe(checksum(out));
});

test("every tier, and every peer of this machine, gives the same rows, timed and checked", async () => {
  const peers = findRowPeers(folder);
  const table = { path, rows: sized.rows, rowBytes: 264, folder: join(folder, "peers") };
  const calls = { ids, count: COUNT };
  const contestants = [
    plainContestant("JS loop", { kind: "array", path, rowBytes: 264, ...calls }),
    plainContestant("readSync loop", { kind: "read-sync", path, rowBytes: 264, ...calls }),
    tier("dram", `dram:${uri}`),
    tier("file", uri),
    tier("lmdb", `lmdb:${join(folder, "lmdb")}`),
    tier("dram cache > file", `dram(65536) > ${uri}`),
    peers.cMemory(table, calls),
    peers.cPread(table, calls, 4),
    ...(["memmap", "take", "torch", "py-lmdb", "engramdb"] as const).map((kind) => peers.python(kind, table, calls)),
  ].filter((one) => one !== undefined);
  const { report, leftOut } = await runCell(planOf(contestants, { latency: true }), effort);
  expect(leftOut).toEqual([]);
  expect(report?.contestants.map(({ name }) => name)).toEqual(contestants.map(({ name }) => name));
  for (const { name, kind, ns, nsPerUnit, againstBaseline, latency } of report?.contestants ?? []) {
    expect(ns.map((rounds) => rounds.length)).toEqual([3, 3]);
    expect(nsPerUnit).toBeGreaterThan(1);
    expect(againstBaseline === undefined).toBe(name === "JS loop");
    expect(latency !== undefined).toBe(kind === "tier");
  }
}, 120_000);

test("rows of another table end the cell", async () => {
  const plan = planOf([tier("file", uri)], { expected: () => 1 });
  await expect(runCell(plan, effort)).rejects.toThrow(/file gave what has the checksum \d+, not 1/);
});

test("a table of the user's own takes part with the rows that it has, and is not checked", async () => {
  const small = `file:${join(folder, "own")}`;
  await writeTable(small, sizedAddressing("qwen3.8-flash-next", 900));
  const { layer } = sizedAddressing("qwen3.8-flash-next", 900);
  const own = tierContestant(small, { uri: small, layer, ids, count: COUNT, own: true });
  const { report, leftOut } = await runCell(planOf([own], { expected: () => 1 }), effort);
  expect(leftOut).toEqual([]);
  expect(report?.contestants[0]?.version).toMatch(/ \d+ rows of \d+ bytes, not checked$/);
});

test("a contestant that does not start is left out, and says why", async () => {
  const { report, leftOut } = await runCell(planOf([tier("file", uri), tier("gone", `file:${folder}/gone`)]), effort);
  expect(report?.contestants.map(({ name }) => name)).toEqual(["file"]);
  expect(leftOut).toHaveLength(1);
  expect(leftOut[0]?.why).toMatch(/gone/);
});

test("a cold round finds its files dropped from the system's cache", async () => {
  if (!canDropFiles()) return expect(process.platform).not.toBe("linux");
  const { report } = await runCell(
    planOf([tier("file", uri)], { state: "cold", warmUpCalls: 1, latency: true, calls: 4 }),
    effort,
  );
  const [file] = report?.contestants ?? [];
  expect(file?.ns).toHaveLength(3); // a process a round
  expect(file?.residentShare).toBeLessThan(0.9);
  expect(file?.latency?.requests).toBeGreaterThanOrEqual(20); // of rows that it had not read before:
  expect(file?.latency?.requests).toBeLessThanOrEqual(32 - 1 - 4); // not those that warmed it up, nor its round's
  readFiles([path]);
  expect(residentShare([path])).toBe(1);
  expect(dropFiles([path])).toBe(0);
}, 60_000);
