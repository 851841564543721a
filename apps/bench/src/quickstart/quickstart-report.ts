// The quickstart's report as one HTML file: losses, tiers, text, gates over a passage. What was measured comes from
// quickstart-train.ts; how figures are drawn is in @engram-ts/train.

import { groupDigits } from "@engram-ts/cli";
import { gateFigure, lossFigure, reportPage, reportTable, reportText, smoothedPoints } from "@engram-ts/train";
import type { QuickstartTraining } from "./quickstart-train.js";

/** The page. */
export function quickstartReport(found: QuickstartTraining, date: string): string {
  const { held, heldWithout, unigram, curve, curveWithout, steps, tiers, explained } = found;
  const losses = lossFigure({
    series: [
      { name: "with a table, training", points: smoothedPoints(curve) },
      { name: "without one, training", points: smoothedPoints(curveWithout) },
      {
        name: "held out, at the end",
        points: [
          [steps, held.loss],
          [steps, heldWithout.loss],
        ],
        marks: "dots",
      },
    ],
    levels: { "token frequencies alone": unigram },
  });
  const model = reportTable(
    ["model", "parameters", "held-out loss", "bits per byte"],
    [
      ["with a table", groupDigits(found.parameters), held.loss.toFixed(4), held.bitsPerByte.toFixed(4)],
      ["without one", "", heldWithout.loss.toFixed(4), heldWithout.bitsPerByte.toFixed(4)],
      ["token frequencies alone", "", unigram.toFixed(4), ""],
    ],
  );
  const rows = tiers.map(({ tier, uri, loss, seconds, stats }) => [
    ...[tier, uri, loss.toFixed(9), seconds.toFixed(2), groupDigits(stats.rows)],
    ...[stats.latencyMs.p50, stats.latencyMs.p99].map((ms) => ms.toFixed(2)),
  ]);
  const header = ["rows from", "URI", "loss on the first held-out tokens", "seconds", "rows read", "p50 ms", "p99 ms"];
  return reportPage("Engram quickstart", [
    {
      title: "A table, trained",
      html: `<p>${found.engine}; ${groupDigits(steps)} steps, ${groupDigits(found.trainedTokens)} tokens, ${groupDigits(found.tokensPerSecond)} tokens a second; ${date.slice(0, 10)}. One run, one seed: the model without a table has the same blocks and steps, and is smaller by the table.</p>${losses}${model}`,
    },
    { title: "The same rows from every tier", html: reportTable(header, rows) },
    { title: "What it writes", html: reportText(`${found.prompt}${tiers[0]?.text ?? ""}`) },
    { title: "Gates over a passage", html: gateFigure(explained) },
  ]);
}
