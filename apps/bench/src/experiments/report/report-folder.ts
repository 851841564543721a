// The files of the experiments' report: report.json, report.md, report.html, and each figure as an SVG.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plotImage } from "../../plots/plot-image.js";
import type { CellResult } from "../cell.js";
import type { Experiment, Verdict } from "../experiment.js";
import { experimentHtml } from "./experiment-html.js";
import { experimentMarkdown } from "./experiment-markdown.js";
import { experimentReports } from "./experiment-reports.js";

/** What became of an experiment's claims. */
export interface ExperimentOutcome {
  readonly name: string;
  readonly title: string;
  readonly verdicts: readonly Verdict[];
}

/** Contents of files by their names, and the outcomes they tell of. */
export interface ExperimentFiles {
  readonly files: ReadonlyMap<string, string>;
  readonly outcomes: readonly ExperimentOutcome[];
}

/** The files that results make. */
export function experimentFiles(experiments: readonly Experiment[], results: readonly CellResult[]): ExperimentFiles {
  const found = experimentReports(experiments, results);
  const files = new Map<string, string>();
  const images = new Map<string, string>();
  for (const { name, report } of found) {
    for (const plot of report.plots) {
      const { id, svg } = plotImage({ ...plot, id: plot.id.startsWith(name) ? plot.id : `${name}-${plot.id}` });
      files.set(`${id}.svg`, svg);
      images.set(plot.id, `${id}.svg`);
    }
  }
  const data = found.map(({ report: { plots, ...report }, ...one }) => ({
    ...one,
    ...report,
    plots: plots.map(({ svg: _svg, ...plot }) => plot),
  }));
  files.set("report.json", `${JSON.stringify(data, null, 1)}\n`);
  files.set("report.md", experimentMarkdown(found, images));
  files.set("report.html", experimentHtml(found));
  return { files, outcomes: found.map(({ name, title, report: { verdicts } }) => ({ name, title, verdicts })) };
}

/** Writes them, and returns what the results say of each claim. */
export function writeExperimentReports(
  folder: string,
  experiments: readonly Experiment[],
  results: readonly CellResult[],
): readonly ExperimentOutcome[] {
  const { files, outcomes } = experimentFiles(experiments, results);
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  return outcomes;
}
