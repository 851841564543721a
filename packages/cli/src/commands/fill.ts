// `engram fill`: tables of any size with rows made from a seed, for tests, benchmarks and trying storage out. Any row can be
// checked by itself later, with `engram verify --fill-seed`.

import { createAddressing, EngramError, type Manifest, tableInfo } from "@engram-ts/core";
import { Command } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { writeTarget } from "../drivers.js";
import { byteText, progressReporter, silentProgress } from "../progress.js";
import { withInterrupt } from "../table-copy-interrupt.js";
import {
  addressingOption,
  encodingOption,
  layersOption,
  presetNamed,
  scaledAddressing,
  scaleOption,
  wholeOption,
} from "../table-copy-options.js";
import { deterministicSource } from "../table-copy-source.js";
import { VERIFY_MODES, type VerifyMode, writeTables } from "../table-copy-write.js";

interface FillOptions {
  preset?: string;
  config?: string;
  encoding?: string;
  layers?: string;
  rowsScale?: string;
  seed: string;
  verify: VerifyMode;
  replace?: boolean;
  json?: boolean;
}

const operation = "engram fill";

/** The command `fill`. */
export function fillCommand(): Command {
  return new Command("fill")
    .description(
      "Writes tables with rows made from a seed, for tests and benchmarks; engram verify --fill-seed checks them.",
    )
    .argument("<uri>", "file:./tables, lmdb:./tables, s3://bucket/prefix")
    .option("--preset <name>", "engram-demo, deepseek-v4.1-flash or qwen3.8-flash-next")
    .option("--config <file>", "addressing: a JSON file as in examples/addressing; needs --encoding")
    .option(
      "--encoding <kind:width>",
      "how rows are written: bf16:64, fp8-e4m3-e8m0:256, fp8-e4m3:160@0.0002 (default: the preset's)",
    )
    .option("--layers <layers>", "only these layers: 1,14")
    .option("--rows-scale <number>", "tables of about so many times the rows: 0.001")
    .option("--seed <seed>", "of the rows", "0")
    .option("--verify <mode>", `reads back: ${VERIFY_MODES.join(", ")}`, verifyMode, "all")
    .option("--replace", "replaces tables that are there, and forgets an unfinished writing of others")
    .option("--json", "one JSON object; no progress")
    .addHelpText("after", "\nExample:\n  engram fill lmdb:./tables --preset engram-demo --rows-scale 0.01")
    .action((uri: string, options: FillOptions) => runFill(uri, options));
}

async function runFill(uri: string, options: FillOptions): Promise<void> {
  const progress = options.json === true ? silentProgress : progressReporter(process.stderr);
  const preset = options.preset === undefined ? undefined : presetNamed(options.preset);
  const whole = await chosenAddressing(options, preset?.config);
  const scale = scaleOption("--rows-scale", options.rowsScale);
  const addressing = scale === undefined ? whole : scaledAddressing(whole, scale);
  const encoding =
    options.encoding === undefined ? preset?.encoding : encodingOption(options.encoding, preset?.encoding.width);
  if (encoding === undefined) throw invalid("--config says nothing of rows; give --encoding too, as bf16:64");
  const seed = wholeOption("--seed", options.seed, 0) ?? 0;
  const derived = createAddressing(addressing).derivation();
  const { layers = addressing.layers } = layersOption(options.layers);
  const sources = layers.map((layer) => {
    const numbers = derived.layers.find((entry) => entry.layer === layer);
    if (numbers === undefined)
      throw invalid(`layer ${layer} has no table; use some of ${addressing.layers.join(", ")}`);
    return deterministicSource(layer, tableInfo({ rows: numbers.rows, encoding }), seed);
  });
  const manifest: Omit<Manifest, "modules"> = { format: "engram", version: 1, addressing, derived };
  const target = await writeTarget(uri, operation);
  const { replace = false, verify } = options;
  const { tables } = await withInterrupt((signal) =>
    writeTables({ target, manifest, sources, replace, verify, progress, signal, operation }),
  );
  await writeResult(options.json === true, { uri: target.uri, seed, encoding, layers: tables }, () =>
    [
      `${target.uri} holds the rows of seed ${seed}`,
      ...tables.map(
        ({ layer, rows, bytes, seconds }) =>
          `layer ${layer}: ${groupDigits(rows)} rows of ${encoding.kind}, ${byteText(bytes)} in ${seconds.toFixed(1)} s, ${byteText(bytes / Math.max(seconds, 1e-3))}/s`,
      ),
    ].join("\n"),
  );
}

function chosenAddressing({ preset, config }: FillOptions, found: Manifest["addressing"] | undefined) {
  if ((preset === undefined) === (config === undefined)) throw invalid("give either --preset NAME or --config FILE");
  if (config !== undefined) return addressingOption(config);
  if (found !== undefined) return found;
  throw invalid(
    `no preset is called ${JSON.stringify(preset)}; use engram-demo, deepseek-v4.1-flash or qwen3.8-flash-next`,
  );
}

function verifyMode(text: string): VerifyMode {
  const mode = VERIFY_MODES.find((known) => known === text);
  if (mode !== undefined) return mode;
  throw invalid(`--verify is ${JSON.stringify(text.slice(0, 40))}; use ${VERIFY_MODES.join(", ")}`);
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
