// The report of the experiments as one page that needs nothing else. Shows what reports hold and computes nothing new.

import { plotHtml } from "../../plots/plot.js";
import { escapeText } from "../../plots/svg.js";
import { REPORT_STYLE } from "../../report/html-style.js";
import type { ReportTable } from "../experiment.js";
import type { FoundReport } from "./experiment-reports.js";

/** The page. */
export function experimentHtml(found: readonly FoundReport[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Experiments</title><style>${REPORT_STYLE}</style></head><body>
<h1>Experiments</h1>
<p class="note">What the paper claims (arXiv 2601.07372), tried on models that train in a minute. Every sentence about a claim is computed from the results.</p>
${found.map(section).join("\n")}
</body></html>
`;
}

function section({ title, claim, report, facts }: FoundReport): string {
  const { verdicts, tables, plots, notes } = report;
  const said = verdicts.map(({ outcome, sentence }) => `<li><b>${outcome}</b>: ${escapeText(sentence)}</li>`);
  return `<h2>${escapeText(title)}</h2>
<p>${escapeText(claim)}</p>
<ul>${said.join("")}</ul>
<section class="plots">${plots.map(plotHtml).join("\n")}</section>
${tables.map(tableHtml).join("\n")}
<ul class="facts">${[...facts, ...notes].map((fact) => `<li>${escapeText(fact)}</li>`).join("")}</ul>`;
}

function tableHtml({ title, header, rows }: ReportTable): string {
  const line = (fields: readonly string[], tag: "th" | "td") =>
    `<tr>${fields.map((field) => `<${tag}>${escapeText(field)}</${tag}>`).join("")}</tr>`;
  return `<h3>${escapeText(title)}</h3>
<div class="wide"><table><thead>${line(header, "th")}</thead><tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table></div>`;
}
