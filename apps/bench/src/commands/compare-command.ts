// `engram-bench compare A B`: what changed from one report to another. Ends with code 3 where something takes longer.

import { textTable } from "@engram-ts/cli";
import { Command, InvalidArgumentError } from "commander";
import { type Comparison, compareReports } from "../report/compare.js";
import { digits } from "../report/numbers.js";
import { readReport } from "../report/report-files.js";

interface CompareOptions {
  readonly threshold: number;
  readonly margin?: number;
  readonly json?: boolean;
}

/** Exit code where a regression was found. */
const REGRESSION = 3;

/** The command `compare`. */
export function compareCommand(): Command {
  return new Command("compare")
    .description("What changed between two reports, with intervals and verdicts; ends with code 3 on a regression.")
    .argument("<before>", "a report.json, or the folder that it is in")
    .argument("<after>", "likewise")
    .option("--threshold <percent>", "call no change smaller than this", percent, 0.05)
    .option("--margin <percent>", "call a change that is surely smaller than this equivalent", percent)
    .option("--json", "the comparison as JSON")
    .action((before: string, after: string, options: CompareOptions) => {
      const { threshold, margin, json } = options;
      const rule = { threshold, ...(margin === undefined ? {} : { margin }) };
      const comparison = compareReports(readReport(before), readReport(after), rule);
      process.stdout.write(json ? `${JSON.stringify(comparison)}\n` : `${comparisonText(comparison)}\n`);
      if (comparison.compared.some(({ verdict }) => verdict === "regression")) process.exitCode = REGRESSION;
    });
}

/** A comparison for people: what changed first. */
export function comparisonText({ compared, onlyBefore, onlyAfter, notes }: Comparison): string {
  const order = ["regression", "improvement", "inconclusive", "equivalent"];
  const rows = compared
    .toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict) || b.change.ratio - a.change.ratio)
    .map(({ title, name, change, verdict, yardstick }) => [
      verdict,
      name,
      title,
      `${digits(change.ratio)} (${digits(change.low)} to ${digits(change.high)})`,
      yardstick ?? "",
    ]);
  const counts = order.map((one) => `${compared.filter(({ verdict }) => verdict === one).length} ${one}`);
  return [
    textTable(["verdict", "", "cell", "time after / before", "in times of"], rows, ["left", "left", "left", "right"]),
    "",
    `${counts.join(", ")}. Shown are intervals of 95 % over fresh processes; calls are by those of 99 %, and on 3 processes or more.`,
    ...(compared.length === 0
      ? ["note: the reports have no tier of a cell in common; run both with the same options"]
      : []),
    ...notes.map((note) => `note: ${note}`),
    ...(onlyBefore.length === 0 ? [] : [`only before: ${onlyBefore.join("; ")}`]),
    ...(onlyAfter.length === 0 ? [] : [`only after: ${onlyAfter.join("; ")}`]),
  ].join("\n");
}

function percent(text: string): number {
  const value = Number(text.replace(/ ?%$/, ""));
  if (text !== "" && Number.isFinite(value) && value > 0 && value < 1_000) return value / 100;
  throw new InvalidArgumentError("use a percentage above 0, as 5.");
}
