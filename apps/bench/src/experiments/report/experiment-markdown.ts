// The report of the experiments as Markdown: for each its claim, what the results say of it, figures, tables, what is equal
// and what limits it. Shows what reports hold and computes nothing new.

import { textTable } from "@engram-ts/cli";
import type { FoundReport } from "./experiment-reports.js";

/** The whole report. @param images paths of figures, by the plot's id. */
export function experimentMarkdown(found: readonly FoundReport[], images: ReadonlyMap<string, string>): string {
  return [
    "# Experiments",
    "",
    "What the paper claims (arXiv 2601.07372), tried on models that train in a minute. Every sentence about a claim is computed",
    "from the results in `cells.jsonl`; `engram-bench experiment render` makes this file again.",
    "",
    ...found.flatMap((one) => section(one, images)),
  ].join("\n");
}

function section({ title, claim, report, facts }: FoundReport, images: ReadonlyMap<string, string>): string[] {
  const { verdicts, tables, plots, notes } = report;
  return [
    `## ${title}`,
    "",
    `The claim: ${claim}`,
    "",
    ...verdicts.map(({ outcome, sentence }) => `- **${outcome}**: ${sentence}`),
    "",
    ...plots.flatMap(({ id, title: alt, note }) => [`![${alt}](${images.get(id) ?? ""})`, "", note, ""]),
    ...tables.flatMap((table) => [
      `**${table.title}**`,
      "",
      textTable(table.header, table.rows, ["left", ...table.header.slice(1).map(() => "right" as const)]),
      "",
    ]),
    ...facts.map((fact) => `- ${fact}`),
    ...notes.map((note) => `- ${note}`),
    "",
  ];
}
