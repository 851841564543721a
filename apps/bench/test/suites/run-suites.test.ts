// A run keeps its time whatever its cells and curves do, runs what tells most first, and names what it did not come to.

import { expect, test } from "vitest";
import type { CellPlan } from "../../src/cells/cell-plan.js";
import { type RunProgress, runSuites } from "../../src/suites/run-suites.js";
import type { CurveLimits, Suite, SuiteContext } from "../../src/suites/suite.js";

const PROGRAM = `process.stdout.write('{"version":"1"}\\n');
require("readline").createInterface({ input: process.stdin }).on("line", () => {
  setTimeout(() => process.stdout.write('{"ns":1e6,"cpuNs":50e6}\\n'), Number(process.argv[1]));
});`;

const cell = (id: string, priority: number, ms: number, more: Partial<CellPlan> = {}): CellPlan => ({
  id,
  suite: "test",
  title: id,
  labels: {},
  unit: "call",
  unitsPerCall: 1,
  listedCalls: 8,
  calls: 1,
  state: "hot",
  cacheState: "",
  contestants: [{ name: "one", kind: "tier", command: [process.execPath, "-e", PROGRAM, `${ms}`] }],
  baseline: "one",
  checked: "",
  priority,
  ...more,
});
const effort = { processes: 3, rounds: 4, roundMs: 1, openLoopMs: 1, limitMs: 60_000 };
const context = {} as SuiteContext; // the suite below looks at nothing of it
const suiteOf = (
  cells: readonly CellPlan[],
  curves: readonly ((limits: CurveLimits) => Promise<never>)[] = [],
): Suite => ({
  name: "test",
  description: "",
  plan: () => ({ cells, curves }),
});
function progressTo(begun: string[]): RunProgress {
  const nothing = () => undefined;
  return { begin: (_, what) => void begun.push(what), cell: nothing, curve: nothing, leftOut: nothing };
}

test("the time is kept where a cell hangs and one never ends preparing", async () => {
  const forever = () => new Promise<never>(() => undefined);
  const cells = [
    cell("quick", 0, 1),
    cell("hangs", 0.1, 1e8),
    cell("prepares", 1, 1, { prepare: forever }),
    cell("last", 3, 1),
  ];
  const begun: string[] = [];
  const start = performance.now();
  const deadline = start + 4_000;
  const {
    cells: found,
    leftOut,
    abandoned,
  } = await runSuites([suiteOf(cells)], context, { deadline, effort }, progressTo(begun));
  expect(performance.now() - start).toBeLessThan(6_000);
  expect(begun).toEqual(["quick", "hangs"]);
  expect(found.map(({ id }) => id)).toEqual(["quick"]);
  expect(leftOut.map(({ what }) => what).sort()).toEqual(["hangs", "last", "prepares"]);
  for (const { why } of leftOut) expect(why).toMatch(/^(no time was left|the time was over)/);
  expect(abandoned).toBe(false);
  const preparing = await runSuites(
    [suiteOf([cell("prepares", 0, 1, { prepare: forever })])],
    context,
    { deadline: performance.now() + 300, effort },
    progressTo([]),
  );
  expect(preparing.abandoned).toBe(true); // it may still go on
}, 30_000);

test("a run that is interrupted says so, and keeps what it has", async () => {
  const interruption = new AbortController();
  const limits: CurveLimits[] = [];
  const curve = async (given: CurveLimits): Promise<never> => {
    limits.push(given);
    interruption.abort(new Error("the run was interrupted"));
    given.stop.throwIfAborted();
    throw new Error("not stopped");
  };
  const cells = [cell("first", 0, 1), cell("after the curve", 1, 1)];
  const budget = { effort, interrupted: interruption.signal };
  const { cells: found, leftOut } = await runSuites([suiteOf(cells, [curve])], context, budget, progressTo([]));
  expect(found.map(({ id }) => id)).toEqual(["first"]);
  expect(leftOut).toEqual([
    { what: "test, curve 1", why: "the run was interrupted" },
    { what: "after the curve", why: "the run was interrupted" },
  ]);
  expect(limits[0]?.until).toBe(Number.POSITIVE_INFINITY);
}, 30_000);

test("what a report has is not measured again", async () => {
  const begun: string[] = [];
  const run = (before?: Parameters<typeof runSuites>[4]) =>
    runSuites([suiteOf([cell("one", 0, 1), cell("two", 1, 1)])], context, { effort }, progressTo(begun), before);
  const first = await run();
  begun.length = 0;
  const [kept] = first.cells;
  const { cells } = await run({ cells: kept === undefined ? [] : [kept], curves: [] });
  expect([kept?.id, begun, cells.map(({ id }) => id)]).toEqual(["one", ["two"], ["two"]]);
}, 30_000);
