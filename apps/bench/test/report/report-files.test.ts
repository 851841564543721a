// The three files of a report, and a report read back; files that are no report are refused.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { machineLines } from "../../src/report/machine-lines.js";
import { readReport, writeReport } from "../../src/report/report-files.js";
import { madeUpReport } from "../bench-report.js";

const folder = mkdtempSync(join(tmpdir(), "engram-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a report is written three ways and read back equal", () => {
  const report = madeUpReport();
  const paths = writeReport(join(folder, "out"), report);
  expect(paths.map((path) => path.split("/").at(-1))).toEqual(["report.json", "report.md", "report.html"]);
  expect(readReport(join(folder, "out"))).toEqual(report);
  const markdown = readFileSync(paths[1] ?? "", "utf8");
  for (const text of ["## tiers", "dram cache > file", "Hit ratio against cache bytes", "- s3: made up"]) {
    expect(markdown).toContain(text);
  }
});

test("the page needs nothing else, holds the raw report, and escapes what is written in it", () => {
  const report = madeUpReport();
  const [, , html = ""] = writeReport(join(folder, "page"), report).map((path) => readFileSync(path, "utf8"));
  expect(html).not.toMatch(/(src|href)=|@import|url\(/);
  expect(html).toContain("made up &lt;&amp;&gt;");
  const [, raw = ""] = /<script type="application\/json" id="report">(.*?)<\/script>/s.exec(html) ?? [];
  expect(JSON.parse(raw)).toEqual(report);
});

test("a trace that repeats itself is called so", () => {
  const card = {
    name: "one token",
    kind: "recorded",
    tokenizer: "t",
    tokens: 1_000,
    distinctTokens: 1,
    sha256: "",
  } as const;
  const linesOf = (distinct: number) =>
    machineLines({
      ...madeUpReport(),
      traces: [{ ...card, distinct2grams: distinct, distinct3grams: distinct }],
    }).join();
  expect(linesOf(1)).toContain("repeats itself");
  expect(linesOf(600)).not.toContain("repeats itself");
});

test.each([
  ["nothing", undefined, "not-found"],
  ["no JSON", "{", "invalid-argument"],
  ["null", "null", "invalid-argument"],
  ["another format", '{"format":"other"}', "invalid-argument"],
  ["another version", '{"format":"engram-bench","version":2,"cells":[],"curves":[],"machine":{}}', "invalid-argument"],
])("%s is refused", (name, text, code) => {
  const path = join(folder, `${name}.json`);
  if (text !== undefined) writeFileSync(path, text);
  expect(() => readReport(path)).toThrow(expect.objectContaining({ code }));
});
