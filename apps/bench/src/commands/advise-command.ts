// `engram-bench advise`: where to put a preset's tables for a target of tokens a second, by what a report measured, and what
// it costs. Every answer names the cells behind it. Not a promise: it counts rows alone, not what computes beside them.

import { statfsSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { textTable } from "@engram-ts/cli";
import { ADDRESSING_PRESETS, type AddressingPresetName } from "@engram-ts/core";
import { Command, InvalidArgumentError, Option } from "commander";
import { type PlacementOption, placementOptions, type Question } from "../advise/options.js";
import { presetTables } from "../plots/cost-plot.js";
import { byteCount, capital, digits, duration, shortCount } from "../report/numbers.js";
import type { Prices } from "../report/prices.js";
import { readReport } from "../report/report-files.js";
import { pricesOption, sizeOption } from "./run-options.js";

interface AdviseOptions {
  readonly preset: AddressingPresetName;
  readonly targetTokensPerSecond: number;
  readonly report: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly cores?: number;
  readonly prices?: Prices;
  readonly json?: boolean;
}

/** The command `advise`. */
export function adviseCommand(): Command {
  return new Command("advise")
    .description(
      "Which placement of a preset's tables meets a target, and what it costs, by a report's measured figures.",
    )
    .addOption(
      new Option("--preset <name>", "whose tables").choices(Object.keys(ADDRESSING_PRESETS)).makeOptionMandatory(),
    )
    .requiredOption("--target-tokens-per-second <number>", "of all sequences together, as 5000 or 5k", above)
    .option("--report <path>", "a report with tiers, and cache if caches are to be considered", "engram-bench-report")
    .option("--memory <size>", "of the host, as 64GiB (default: this machine's)")
    .option("--disk <size>", "free on the host (default: this folder's)")
    .option("--cores <count>", "of the host (default: this machine's)", above)
    .addOption(pricesOption("the report's"))
    .option("--json", "the answer as JSON")
    .action((options: AdviseOptions) => {
      const report = readReport(options.report);
      const { bavail, bsize } = statfsSync(".");
      const question: Question = {
        preset: options.preset,
        tokensPerSecond: options.targetTokensPerSecond,
        prices: options.prices ?? report.prices,
        host: {
          memoryBytes: options.memory === undefined ? totalmem() : sizeOption("--memory", options.memory),
          diskBytes: options.disk === undefined ? bavail * bsize : sizeOption("--disk", options.disk),
          cores: options.cores ?? cpus().length,
        },
      };
      const answer = placementOptions(report, question);
      process.stdout.write(
        options.json ? `${JSON.stringify({ question, options: answer })}\n` : `${adviceText(question, answer)}\n`,
      );
      if (!answer.some(({ meets }) => meets)) process.exitCode = 1;
    });
}

/** The answer for people: the choice, the others, the figures behind. */
export function adviceText(
  { preset, tokensPerSecond, host, prices }: Question,
  options: readonly PlacementOption[],
): string {
  const { gib, rowsPerToken, modules } = presetTables(preset);
  const [best] = options;
  const asked = `${preset}: ${byteCount(gib * 2 ** 30)} of tables, ${rowsPerToken * modules} rows a token; ${shortCount(tokensPerSecond)} tokens/s are ${shortCount(tokensPerSecond * rowsPerToken * modules)} rows/s. Host: ${byteCount(host.memoryBytes)} of memory, ${byteCount(host.diskBytes)} of disk, ${host.cores} cores.`;
  if (best === undefined) return `${asked}\nThe report measured no tier of rows; run engram-bench tiers first.`;
  const choice = best.meets
    ? `Put it: ${best.placement}. ${capital(best.why)}; ${digits(best.costOfMonth)} ${prices.currency} a month, ${digits(best.costOfMillionTokens)} a million tokens.`
    : "No placement meets the target on this host; the nearest are below.";
  const rows = options.map((one) => [
    one.meets ? "yes" : "no",
    one.placement,
    duration(one.nsPerToken),
    shortCount(one.greatestTokensPerSecond),
    digits(one.costOfMonth),
    digits(one.costOfMillionTokens),
    one.why,
  ]);
  const header = [
    "meets",
    "placement",
    "rows of one token",
    "greatest tokens/s",
    `${prices.currency} a month`,
    "a million tokens",
    "",
  ];
  const evidence = new Map(
    options.filter((one, i) => i === 0 || one.meets).flatMap((one) => one.evidence.map((each) => [each.what, each.id])),
  );
  return [
    asked,
    "",
    choice,
    "",
    textTable(header, rows, ["left", "left", "right", "right", "right", "right"]),
    "",
    "Measured:",
    ...[...evidence].map(([what, id]) => `- ${what} (${id})`),
    "Greatest: of one core where rows are in memory, of this machine's disk or store otherwise. Rows alone are counted;",
    "what the model computes is not in it, and latencies under load are in the report's plots.",
  ].join("\n");
}

function above(text: string): number {
  const factor = { k: 1e3, M: 1e6 }[/[kM]$/.exec(text)?.[0] ?? ""] ?? 1;
  const value = Number(text.replace(/[kM]$/, "")) * factor;
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("use a number above 0, as 5000 or 5k.");
}
