// The files of the experiments' report: report.json, report.md, report.html, and each figure as an SVG.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plotImage } from "../../plots/plot-image.js";
import type { CellResult } from "../cell.js";
import type { Experiment, Verdict } from "../experiment.js";
import { experimentHtml } from "./experiment-html.js";
import { experimentMarkdown } from "./experiment-markdown.js";
import { experimentReports } from "./experiment-reports.js";

/** Writes them, and returns what the results say of each claim. */
export function writeExperimentReports(
  folder: string,
  experiments: readonly Experiment[],
  results: readonly CellResult[],
): readonly { readonly name: string; readonly verdicts: readonly Verdict[] }[] {
  const found = experimentReports(experiments, results);
  mkdirSync(folder, { recursive: true });
  const images = new Map<string, string>();
  for (const { name, report } of found) {
    for (const plot of report.plots) {
      const { id, svg } = plotImage({ ...plot, id: plot.id.startsWith(name) ? plot.id : `${name}-${plot.id}` });
      writeFileSync(join(folder, `${id}.svg`), svg);
      images.set(plot.id, `${id}.svg`);
    }
  }
  const data = found.map(({ report: { plots, ...report }, ...one }) => ({
    ...one,
    ...report,
    plots: plots.map(({ svg: _svg, ...plot }) => plot),
  }));
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(data, null, 1)}\n`);
  writeFileSync(join(folder, "report.md"), experimentMarkdown(found, images));
  writeFileSync(join(folder, "report.html"), experimentHtml(found));
  return found.map(({ name, report: { verdicts } }) => ({ name, verdicts }));
}
