// A report as one page that needs nothing else: plots, tables, machine, method, and the raw report inside it. Reads in a
// browser, light or dark, and prints.

import { plotHtml } from "../plots/plot.js";
import { reportPlots } from "../plots/report-plots.js";
import { escapeText } from "../plots/svg.js";
import { REPORT_STYLE } from "./html-style.js";
import { leftOutItems } from "./left-out.js";
import { machineLines } from "./machine-lines.js";
import { digits, duration, shortCount } from "./numbers.js";
import type { BenchReport, CellReport } from "./report.js";

/** The page. */
export function reportHtml(report: BenchReport): string {
  const title = `engram-bench ${report.command.join(" ")}`;
  const suites = [...new Set(report.cells.map(({ suite }) => suite))];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title><style>${REPORT_STYLE}</style></head><body>
<h1>${escapeText(title)}</h1>
<ul class="facts">${machineLines(report)
    .map((line) => `<li>${escapeText(line)}</li>`)
    .join("")}</ul>
<section class="plots">${reportPlots(report).map(plotHtml).join("\n")}</section>
${suites.map((suite) => suiteSection(suite, report)).join("\n")}
${leftOutSection(report)}
<h2>How it was measured</h2>
<p class="note">Every contestant of a cell is a process of its own, several times anew. Rounds of all contestants read the same rows, in alternating order; what they give is checked in the first and the last round. A ratio is the median of paired log-ratios with a bootstrap interval of 95 % over processes and rounds; faster and slower are said only where the whole interval lies beyond 5 %. Latencies are of an open loop and counted from arrival.</p>
<script type="application/json" id="report">${JSON.stringify(report).replaceAll("<", "\\u003c")}</script>
</body></html>
`;
}

function suiteSection(suite: string, { cells }: BenchReport): string {
  const own = cells.filter((cell) => cell.suite === suite);
  return `<h2>${escapeText(suite)}</h2>\n${own.map(cellSection).join("\n")}`;
}

function cellSection(cell: CellReport): string {
  const header = [
    "",
    `a ${cell.unit}`,
    "a call",
    `${cell.unit}s a second`,
    `time against ${cell.baseline}`,
    "",
    "p50",
    "p99",
    "p99.9",
    "version",
  ];
  const rows = cell.contestants.map(({ name, kind, version, nsPerUnit, againstBaseline, latency }) => {
    const ratio =
      againstBaseline === undefined
        ? "1"
        : `${digits(againstBaseline.ratio)} (${digits(againstBaseline.low)} to ${digits(againstBaseline.high)})`;
    const verdict = { regression: "slower", improvement: "faster", inconclusive: "", equivalent: "equal" }[
      againstBaseline?.verdict ?? "inconclusive"
    ];
    const waits = [latency?.p50, latency?.p99, latency?.p999].map((us) => duration((us ?? Number.NaN) * 1e3));
    const fields = [
      name,
      duration(nsPerUnit),
      duration(nsPerUnit * cell.unitsPerCall),
      shortCount(1e9 / nsPerUnit),
      ratio,
      verdict,
      ...waits,
      version,
    ];
    return `<tr class="${kind}">${fields.map((field) => `<td>${escapeText(field)}</td>`).join("")}</tr>`;
  });
  return `<h3>${escapeText(cell.title)}</h3><p class="note">${escapeText(`${cell.cacheState}. Checked: ${cell.checked}.`)}</p>
<div class="wide"><table><thead><tr>${header.map((one) => `<th>${escapeText(one)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function leftOutSection({ leftOut }: BenchReport): string {
  if (leftOut.length === 0) return "";
  const items = leftOutItems(leftOut).map(({ what, why }) => `<li>${escapeText(`${what}: ${why}`)}</li>`);
  return `<h2>Left out</h2><ul class="facts">${items.join("")}</ul>`;
}
