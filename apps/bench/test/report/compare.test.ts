// Two reports compared: a slower store is a regression, the same one again is not, and a machine that is slower altogether
// is no regression either where both runs have the same peer.

import { expect, test } from "vitest";
import { comparisonText } from "../../src/commands/compare-command.js";
import { compareReports } from "../../src/report/compare.js";
import { madeUpReport } from "../bench-report.js";

const ofStore = (name: string, report: ReturnType<typeof madeUpReport>) =>
  compareReports(madeUpReport({ seed: 1 }), report).compared.filter((one) => one.name === name);

test("a store of twice the time is a regression in every cell, the others stay inconclusive", () => {
  const after = madeUpReport({ seed: 2, slower: { file: 2 } });
  expect(new Set(ofStore("file", after).map(({ verdict }) => verdict))).toEqual(new Set(["regression"]));
  expect(new Set(ofStore("dram", after).map(({ verdict }) => verdict))).toEqual(new Set(["inconclusive"]));
  for (const { change } of ofStore("file", after)) expect(change.ratio).toBeCloseTo(2, 0);
});

test("a machine of twice the time changes nothing, by the peer's times", () => {
  const { compared } = compareReports(madeUpReport({ seed: 1 }), madeUpReport({ seed: 2, machine: 2 }));
  expect(new Set(compared.map(({ verdict }) => verdict))).toEqual(new Set(["inconclusive"]));
  expect(new Set(compared.map(({ yardstick }) => yardstick))).toEqual(new Set(["JS loop"]));
});

test("a report against itself is inconclusive, and equivalent where a margin was stated", () => {
  const report = madeUpReport({ noise: 0.01 });
  const verdicts = (rule: object) =>
    new Set(compareReports(report, report, rule).compared.map(({ verdict }) => verdict));
  expect(verdicts({})).toEqual(new Set(["inconclusive"]));
  expect(verdicts({ margin: 0.03 })).toEqual(new Set(["equivalent"]));
});

test("what only one report has, and what differs between the machines, is named", () => {
  const before = madeUpReport();
  const after = { ...madeUpReport(), cells: madeUpReport().cells.slice(1), machine: { ...before.machine, cores: 64 } };
  const comparison = compareReports(before, after);
  expect(comparison.onlyBefore).toEqual(["tiers/decode/hot/deepseek-v4.1-flash/1048576/1"]);
  expect(comparison.onlyAfter).toEqual([]);
  expect(comparison.notes).toEqual(["the number of cores differs: 2, 64"]);
  expect(comparisonText(comparison)).toContain("note: the number of cores differs: 2, 64");
  const [first, ...others] = before.cells;
  if (first === undefined) throw new Error("no cell");
  const fewer = { ...before, cells: [{ ...first, contestants: first.contestants.slice(1) }, ...others] };
  expect(compareReports(before, fewer).onlyBefore).toEqual([`${first.id}: dram`]);
  expect(comparisonText(compareReports({ ...before, cells: [] }, after))).toContain("no tier of a cell in common");
});
