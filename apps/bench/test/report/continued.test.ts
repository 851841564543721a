// Two runs as one report: everything of both, what is still left out, when each was; and refusals of what does not go together.

import { isEngramError } from "@engram-ts/core";
import { expect, test } from "vitest";
import { checkContinues, continuedReport } from "../../src/report/continued.js";
import { machineLines } from "../../src/report/machine-lines.js";
import type { TraceCard } from "../../src/traces/trace.js";
import { madeUpReport } from "../bench-report.js";

const trace = "of the trace";
const whole = { ...madeUpReport(), traces: [{ sha256: trace } as TraceCard] }; // nothing else of it is looked at
const half = Math.floor(whole.cells.length / 2);
const want = (what: string) => ({ what, why: "no time was left" });
const first = {
  ...whole,
  machine: { ...whole.machine, commit: "aaa" },
  cells: whole.cells.slice(0, half),
  leftOut: [...whole.cells.slice(half).map(({ id }) => want(id)), { what: "fio", why: "it is not installed" }],
};
const second = {
  ...whole,
  started: "2027-01-02T03:04:05.000Z",
  seconds: 50,
  machine: { ...whole.machine, commit: "bbb" },
  cells: whole.cells.slice(half, -1),
  curves: [],
  leftOut: [want(whole.cells.at(-1)?.id ?? "")],
};

test("a continued report is both", () => {
  const both = continuedReport(first, second);
  expect(both.cells).toEqual(whole.cells.slice(0, -1));
  expect(both.curves).toEqual(whole.curves);
  expect(both.leftOut).toEqual([{ what: "fio", why: "it is not installed" }, want(whole.cells.at(-1)?.id ?? "")]);
  expect(both.seconds).toBe(first.seconds + 50);
  expect(both.sittings?.map(({ commit, cells }) => [commit, cells])).toEqual([
    ["aaa", half],
    ["bbb", whole.cells.length - 1 - half],
  ]);
  expect(machineLines({ ...both, traces: [] }).join("\n")).toMatch(
    /commit aaa: \d+ cells\n2027-01-02 03:04 UTC, 50 s, commit bbb: \d+ cells/,
  );
  const third = continuedReport(both, { ...second, cells: whole.cells.slice(-1), leftOut: [] });
  expect(third.sittings).toHaveLength(3);
  expect(third.leftOut).toEqual([{ what: "fio", why: "it is not installed" }]);
});

test("reports of another machine or text are not continued", () => {
  const code = (change: Parameters<typeof checkContinues>[1]) => {
    try {
      checkContinues(first, change);
    } catch (error) {
      return isEngramError(error) ? `${error.code} ${error.message}` : "";
    }
    return "goes on";
  };
  expect(code({ machine: whole.machine, trace })).toBe("goes on");
  expect(code({ machine: { ...whole.machine, cores: 99 }, trace })).toMatch(/invalid-argument.*cores/);
  expect(code({ machine: whole.machine, trace: "another" })).toMatch(/another text/);
});
