// The command as people run it: `tiers --quick` writes the three reports within its time, `compare` says what changed by its
// exit code, mistakes are told in a line.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { readReport, writeReport } from "../src/report/report-files.js";
import { madeUpReport } from "./bench-report.js";

const program = fileURLToPath(new URL("../bin/engram-bench.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "engram-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true }));
const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: "utf8", cwd: folder });

test("tiers --quick, cut to 20 seconds, takes no more and writes three reports with figures of every tier", () => {
  const start = performance.now();
  const { status, stderr, stdout } = run("tiers", "--quick", "--budget", "20s", "--rows", "8k,2k", "--out", "report");
  expect(status, stderr).toBe(0);
  expect(performance.now() - start).toBeLessThan(24_000); // a tenth more, and what Node takes to start
  const report = readReport(join(folder, "report"));
  const [first] = report.cells;
  expect(first?.id).toBe(`tiers/decode/hot/deepseek-v4.1-flash/${first?.labels.rows}/1`);
  const names = first?.contestants.map(({ name }) => name) ?? [];
  for (const name of ["dram", "file", "lmdb", "dram cache > file", "JS loop"]) expect(names).toContain(name);
  expect(report.traces[0]).toMatchObject({ name: "The World Factbook", kind: "text", tokens: 16_384 });
  expect(report.command).toEqual(["tiers", "--quick", "--budget", "20", "--rows", "[8000,2000]"]);
  const unmeasured = report.leftOut.filter(({ why }) => /^(no time was left|the time was over)/.test(why));
  expect(report.cells.length + unmeasured.length, "cells measured and cells named as left out").toBe(9);
  expect(stdout).toContain("## tiers");
  expect(readFileSync(join(folder, "report/report.md"), "utf8")).toContain("## tiers");
  expect(readFileSync(join(folder, "report/report.html"), "utf8")).toContain('id="latency"');
}, 180_000);

test("compare ends with 3 on a regression and with 0 without", () => {
  writeReport(join(folder, "before"), madeUpReport({ seed: 1 }));
  writeReport(join(folder, "same"), madeUpReport({ seed: 2 }));
  writeReport(join(folder, "slow"), madeUpReport({ seed: 2, slower: { lmdb: 2 } }));
  expect(run("compare", "before", "same").status).toBe(0);
  const { status, stdout } = run("compare", "before", "slow");
  expect(status).toBe(3);
  expect(stdout).toMatch(/regression +\| lmdb/);
}, 60_000);

test.each([
  ["no command", [], 2],
  ["an unknown suite", ["tyres"], 2],
  ["a budget that is no time", ["tiers", "--budget", "soon"], 2],
  ["a preset that is not there", ["tiers", "--preset", "other"], 2],
  ["an object store that is none", ["tiers", "--s3", "bucket"], 2],
  ["an object store that is not there", ["tiers", "--s3", "s3://bucket/prefix"], 1],
  ["a number of tokens that is none", ["trace", "x.trace", "--tokens", "abc"], 2],
  ["prices that are not there", ["tiers", "--prices", "gold=1"], 1],
  ["a report that is not there", ["compare", "nowhere", "nowhere"], 1],
  ["a trace that is not there", ["cache", "--trace", "nowhere"], 1],
])("%s is told in a line", (_, args, status) => {
  const result = run(...args);
  expect(result.status, result.stderr).toBe(status);
  expect(result.stderr).not.toContain("defect of this program");
  expect(result.stderr.length).toBeGreaterThan(20);
});
