// The three files of a report, written together: report.json (raw), report.md, report.html; and a report read back.

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngramError } from "@engram-ts/core";
import { reportHtml } from "./html.js";
import { reportMarkdown } from "./markdown.js";
import type { BenchReport } from "./report.js";

const LIMIT_BYTES = 2 ** 28;

/** Writes them into a folder, which is made. Returns their paths. */
export function writeReport(folder: string, report: BenchReport): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const files: readonly (readonly [string, string])[] = [
    ["report.json", `${JSON.stringify(report)}\n`],
    ["report.md", `${reportMarkdown(report)}`],
    ["report.html", reportHtml(report)],
  ];
  return files.map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  });
}

/**
 * Reads report.json, given itself or its folder.
 * @throws EngramError `not-found`, `invalid-argument` where it is no report of this version.
 */
export function readReport(path: string): BenchReport {
  const refuse = (code: "not-found" | "invalid-argument", message: string, cause?: unknown) =>
    new EngramError({ code, operation: "engram-bench", message, context: { path }, cause });
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw refuse("not-found", `there is no ${path}; name a report.json or the folder that it is in`);
  const file = found.isDirectory() ? join(path, "report.json") : path;
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw refuse("not-found", `${path} has no report.json`);
  if (size > LIMIT_BYTES)
    throw refuse("invalid-argument", `${file} has ${size} bytes; a report has at most ${LIMIT_BYTES}`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw refuse("invalid-argument", `${file} is no JSON`, cause);
  }
  const report = value as Partial<BenchReport> | null; // looked at before it is believed
  const right =
    report?.format === "engram-bench" &&
    report.version === 1 &&
    Array.isArray(report.cells) &&
    Array.isArray(report.curves) &&
    Array.isArray(report.traces) &&
    Array.isArray(report.leftOut) &&
    typeof report.machine === "object";
  if (!right) throw refuse("invalid-argument", `${file} is no report of engram-bench, version 1`);
  return report as BenchReport;
}
