// A report as Markdown, for the terminal and report.md: the machine, the traces, a table a suite, what was left out. Shows
// what the report holds and computes nothing new.

import { textTable } from "@engram-ts/cli";
import { leftOutItems } from "./left-out.js";
import { machineLines } from "./machine-lines.js";
import { capital, digits, duration, shortCount } from "./numbers.js";
import type { BenchReport, CellReport, ContestantReport, CurveReport } from "./report.js";

/** The whole report. */
export function reportMarkdown(report: BenchReport): string {
  const suites = [...new Set([...report.cells, ...report.curves].map(({ suite }) => suite))];
  return [
    `# engram-bench ${report.command.join(" ")}`,
    "",
    ...machineLines(report).map((line) => `- ${line}`),
    "",
    ...suites.flatMap((suite) => [
      `## ${suite}`,
      "",
      ...suiteTables(
        report.cells.filter((one) => one.suite === suite),
        report.curves.filter((one) => one.suite === suite),
      ),
    ]),
    ...leftOutLines(report),
    ...METHOD,
    "",
  ].join("\n");
}

/** Tables of one suite's cells and curves. */
function suiteTables(cells: readonly CellReport[], curves: readonly CurveReport[]): string[] {
  return [
    ...cells.flatMap((cell) => [`**${cell.title}**`, "", cellTable(cell), "", `${capital(cell.cacheState)}.`, ""]),
    ...curves.flatMap((curve) => [`**${curve.title}**`, "", curveTable(curve), "", curve.note, ""]),
  ];
}

/** One cell's table. */
function cellTable(cell: CellReport): string {
  const latency = cell.contestants.some((one) => one.latency !== undefined);
  const header = [
    "",
    `a ${cell.unit}`,
    "a call",
    `${cell.unit}s/s`,
    `time against ${cell.baseline}`,
    "",
    ...(latency ? ["p50", "p99", "p99.9"] : []),
  ];
  const rows = cell.contestants.map((one) => [
    one.name,
    duration(one.nsPerUnit),
    duration(one.nsPerUnit * cell.unitsPerCall),
    shortCount(1e9 / one.nsPerUnit),
    ratioText(one),
    one.againstBaseline?.verdict === undefined ? "" : VERDICTS[one.againstBaseline.verdict],
    ...(latency
      ? [one.latency?.p50, one.latency?.p99, one.latency?.p999].map((us) => duration((us ?? Number.NaN) * 1e3))
      : []),
  ]);
  return textTable(header, rows, [
    "left",
    ...header.slice(1).map((title) => (title === "" ? "left" : "right") as "left" | "right"),
  ]);
}

/** Against a baseline in the same run nothing regresses: it is slower or faster. */
const VERDICTS = { regression: "slower", improvement: "faster", inconclusive: "", equivalent: "equal" } as const;

function ratioText({ againstBaseline }: ContestantReport): string {
  if (againstBaseline === undefined) return "1";
  const { ratio, low, high } = againstBaseline;
  return `${digits(ratio)} (${digits(low)} to ${digits(high)})`;
}

function curveTable({ x, y, lines }: CurveReport): string {
  const places = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const rows = places.map((at) => [
    shortCount(at),
    ...lines.map(({ points }) => digits(points.find(([place]) => place === at)?.[1] ?? Number.NaN)),
  ]);
  return `${textTable([x.label, ...lines.map(({ name }) => name)], rows, ["right", ...lines.map(() => "right" as const)])}\n\n${capital(y.label)} by ${x.label}.`;
}

function leftOutLines({ leftOut }: BenchReport): string[] {
  if (leftOut.length === 0) return [];
  return ["## Left out", "", ...leftOutItems(leftOut).map(({ what, why }) => `- ${what}: ${why}`), ""];
}

const METHOD = [
  "## How it was measured",
  "",
  "Every contestant of a cell is a process of its own, several times anew. Rounds of all contestants read the same rows, in",
  "alternating order; what they give is checked in the first and the last round. A ratio is the median of paired log-ratios,",
  "with a bootstrap interval of 95 % over processes and rounds; faster and slower are said only where the whole interval lies",
  "beyond 5 %. Latencies are of an open loop: calls arrive at random at half the rate that the contestant keeps up, and are",
  "counted from their arrival, so that a slow call makes those behind it late too. Raw times are in report.json.",
];
