// Contestants that misbehave on purpose: each is left out of its cell with what it did, its process and what that has started
// are gone, and the others' figures stand. And a run that is over ends at once, with what it has.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CellContestant, CellPlan } from "../../src/cells/cell-plan.js";
import { runCell } from "../../src/cells/run-cell.js";
import { overLimit } from "../../src/machine/memory-watch.js";

const folder = mkdtempSync(join(tmpdir(), "engram-failures-"));
const program = join(folder, "contestant.mjs");
const grandchild = join(folder, "grandchild.pid");
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => {
  writeFileSync(
    program,
    `import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
const [, , kind, after] = process.argv;
if (kind === "never starts") setInterval(() => {}, 1e6);
else console.log(JSON.stringify({ ready: true, version: kind }));
let asked = 0;
const held = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (++asked > Number(after ?? 1e9)) {
    if (kind === "hangs") {
      const child = spawn("sleep", ["1000"], { stdio: "ignore" });
      writeFileSync(${JSON.stringify(grandchild)}, String(child.pid));
      for (;;);
    }
    if (kind === "crashes") process.kill(process.pid, "SIGSEGV");
    if (kind === "throws") throw new Error("Error: on purpose");
    if (kind === "eats memory") for (;;) { held.push(Buffer.alloc(2 ** 24, 1)); await new Promise((go) => setTimeout(go, 5)); }
    if (kind === "is silent") continue;
    if (kind === "talks") { console.log("hello"); continue; }
    if (kind === "has no time") { console.log('{"ns":null}'); continue; }
  }
  console.log(JSON.stringify({ ns: 1e6, cpuNs: 1e6, checksum: 1 }));
}
`,
  );
});

const contestant = (kind: string, after?: number, more: Partial<CellContestant> = {}): CellContestant => ({
  name: kind,
  kind: "tier",
  command: [process.execPath, program, kind, ...(after === undefined ? [] : [`${after}`])],
  ...more,
});
const planOf = (contestants: readonly CellContestant[], more: Partial<CellPlan> = {}): CellPlan => ({
  id: "cell",
  suite: "test",
  title: "test",
  labels: {},
  unit: "call",
  unitsPerCall: 1,
  listedCalls: 8,
  calls: 1,
  state: "hot",
  cacheState: "",
  contestants,
  baseline: "answers",
  expected: () => 1,
  checked: "",
  priority: 0,
  ...more,
});
const effort = { processes: 2, rounds: 3, roundMs: 1, openLoopMs: 1, limitMs: 1_500 };

test.each(["hot", "warm"] as const)(
  "in a %s cell each is left out with what it did, the rest goes on",
  async (state) => {
    const hot = state === "hot";
    const contestants = [
      contestant("hangs", hot ? 42 : 1),
      contestant("crashes", 1),
      contestant("throws", 1),
      contestant("answers"),
      contestant("never starts"),
      contestant("is silent", 0),
      contestant("talks", 0),
      contestant("has no time", 0),
      ...(process.platform === "linux" ? [contestant("eats memory", 1, { memoryBytes: 2 ** 28 })] : []),
      contestant("does not prepare", 0, { prepare: () => Promise.reject(new Error("no table")) }),
    ];
    const { report, leftOut } = await runCell(planOf(contestants, { state }), effort);
    expect(report?.contestants.map(({ name }) => name)).toEqual(["answers"]);
    expect(report?.contestants[0]?.ns.map((rounds) => rounds.length)).toEqual(hot ? [3, 3] : [1, 1, 1]);
    const why = new Map(leftOut.map((left) => [left.what.replace(" in cell", ""), left.why]));
    expect(why.get("hangs")).toBe("it gave no answer within 1.5 s; its process was ended");
    expect(why.get("never starts")).toBe(why.get("hangs"));
    expect(why.get("is silent")).toBe(why.get("hangs"));
    expect(why.get("crashes")).toBe("it ended with SIGSEGV");
    expect(why.get("throws")).toContain("on purpose");
    expect(why.get("does not prepare")).toBe("no table");
    expect(why.get("talks")).toBe('it answered "hello", which is no answer');
    expect(why.get("has no time")).toContain("which has no time");
    if (process.platform === "linux")
      expect(why.get("eats memory")).toMatch(/^it took \d+ MiB of memory, more than 256 MiB; its process was ended$/);
    const pid = Number(readFileSync(grandchild, "utf8"));
    expect(stateOf(pid), "what the hanging one had started").not.toMatch(/[RSD]/);
  },
  60_000,
);

/** The system's letter for a process; Z or nothing where it has ended. */
function stateOf(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
}

test("a run that is over ends the cell at once, with the rounds that it has", async () => {
  const over = new AbortController();
  const plan = planOf([contestant("answers"), contestant("is silent", 44)]);
  const begun = performance.now();
  setTimeout(() => over.abort(new Error("over")), 2_000);
  const { report, leftOut } = await runCell(plan, { ...effort, rounds: 1_000, limitMs: 60_000, stop: over.signal });
  expect(performance.now() - begun).toBeLessThan(10_000);
  expect(leftOut).toEqual([]);
  expect(report?.contestants[0]?.ns[0]?.length).toBeGreaterThan(1);
});

test("a run that is over does not wait for what a cell prepares", async () => {
  const over = new AbortController();
  const plan = planOf([contestant("answers")], { prepare: () => new Promise(() => undefined) });
  setTimeout(() => over.abort(new Error("over")), 50);
  await expect(runCell(plan, { ...effort, stop: over.signal })).rejects.toThrow("over");
});

test("who holds too much is ended, and where nothing is left the one that holds most", () => {
  const holders = [
    { pid: 1, bytes: 100 * 2 ** 20, mayHold: 2 ** 30 },
    { pid: 2, bytes: 300 * 2 ** 20, mayHold: 2 ** 30 },
    { pid: 3, bytes: 200 * 2 ** 20, mayHold: 2 ** 20 },
  ];
  expect(overLimit(holders, 2 ** 34, 2 ** 28)?.pid).toBe(3);
  expect(overLimit(holders.slice(0, 2), 2 ** 34, 2 ** 28)).toBeUndefined();
  expect(overLimit(holders.slice(0, 2), 2 ** 27, 2 ** 28)).toEqual({
    pid: 2,
    why: "it took 300 MiB of memory, and the machine had 128 MiB left",
  });
  expect(overLimit([], 0, 2 ** 28)).toBeUndefined();
});
