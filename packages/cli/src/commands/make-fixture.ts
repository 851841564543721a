// `engram make-fixture`: a small checkpoint in the exact layout of a published one, with rows made from a seed. The real
// ones are up to 200 GB; what is tested with these is tested with their names, types, regions and configuration keys.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngramError } from "@engram-ts/core";
import { Argument, Command, Option } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { fileError } from "../input-file.js";
import { byteText } from "../progress.js";
import { scaleOption, wholeOption } from "../table-copy-options.js";
import { FIXTURE_LAYOUTS } from "./make-fixture-layouts.js";
import { tensorSize, writeShard } from "./make-fixture-shard.js";

interface MakeFixtureOptions {
  out: string;
  tableSize?: string;
  rowsScale?: string;
  seed: string;
  dtype: "fp8" | "bf16";
  replace?: boolean;
  json?: boolean;
}

const operation = "engram make-fixture";
const DEFAULT_TABLE_SIZE = 1000;
/** Least rows of a head of the published models. */
const PUBLISHED_SIZES = { "deepseek-v4.1": 16_000_000, "qwen3.8": 20_000_000, "engram-demo": 646_400 } as const;

/** The command `make-fixture`. */
export function makeFixtureCommand(): Command {
  const layouts = Object.keys(FIXTURE_LAYOUTS);
  return new Command("make-fixture")
    .description("Writes a small checkpoint in the exact layout of a published one, with rows made from a seed.")
    .addArgument(new Argument("<layout>", "which published layout").choices(layouts))
    .requiredOption("--out <folder>", "the folder to write; made if need be")
    .option("--table-size <rows>", `least rows of a head (default: ${DEFAULT_TABLE_SIZE})`)
    .option("--rows-scale <number>", "instead: so many times the published model's rows, as 0.001")
    .option("--seed <seed>", "of the rows", "0")
    .addOption(
      new Option("--dtype <type>", "qwen3.8: how the published table is written")
        .choices(["fp8", "bf16"])
        .default("fp8"),
    )
    .option("--replace", "writes over the files of a checkpoint that is there")
    .option("--json", "one JSON object: files and tables")
    .addHelpText(
      "after",
      "\nExample:\n  engram make-fixture deepseek-v4.1 --out ./fixture && engram import ./fixture --to file:./tables",
    )
    .action((layout: keyof typeof FIXTURE_LAYOUTS, options: MakeFixtureOptions) => runMakeFixture(layout, options));
}

async function runMakeFixture(layout: keyof typeof FIXTURE_LAYOUTS, options: MakeFixtureOptions): Promise<void> {
  const { out, dtype } = options;
  const scale = scaleOption("--rows-scale", options.rowsScale);
  const size = wholeOption("--table-size", options.tableSize, 2);
  if (scale !== undefined && size !== undefined) throw invalid("give --table-size or --rows-scale, not both");
  const scaled = scale === undefined ? undefined : Math.max(2, Math.round(PUBLISHED_SIZES[layout] * scale));
  const seed = wholeOption("--seed", options.seed, 0) ?? 0;
  const fixture = FIXTURE_LAYOUTS[layout]({ tableSize: size ?? scaled ?? DEFAULT_TABLE_SIZE, seed, dtype });
  await prepareFolder(out, options.replace === true);
  const files: { file: string; bytes: number }[] = [];
  let total = 0;
  for (const { file, tensors } of fixture.shards) {
    files.push({ file, bytes: await writeShard(join(out, file), tensors) });
    total += tensors.reduce((sum, tensor) => sum + tensorSize(tensor), 0);
  }
  for (const [file, content] of fixture.json) {
    const value = file.endsWith(".index.json") ? { ...content, metadata: { total_size: total } } : content;
    const text = `${JSON.stringify(value, undefined, 2)}\n`;
    await writeFile(join(out, file), text).catch((cause: unknown) => Promise.reject(fileError(cause, file, operation)));
    files.push({ file, bytes: Buffer.byteLength(text) });
  }
  const tables = [...fixture.tables].map(([layer, { rows, rowBytes, encoding }]) => ({
    layer,
    rows,
    rowBytes,
    encoding,
  }));
  await writeResult(options.json === true, { layout, out, seed, files, tables }, () =>
    [
      `${out} is a checkpoint laid out as ${layout}, its rows from seed ${seed}`,
      ...files.map(({ file, bytes }) => `  ${file}  ${byteText(bytes)}`),
      ...tables.map(
        ({ layer, rows, encoding }) =>
          `layer ${layer}: ${groupDigits(rows)} rows of ${encoding.width} ${encoding.kind} values`,
      ),
    ].join("\n"),
  );
}

async function prepareFolder(out: string, replace: boolean): Promise<void> {
  try {
    await mkdir(out, { recursive: true });
    const there = (await readdir(out)).find((name) => name.endsWith(".safetensors") || name === "config.json");
    if (there !== undefined && !replace)
      throw invalid(`${join(out, there)} is there already; choose another folder, or write over it with --replace`);
  } catch (cause) {
    throw cause instanceof EngramError ? cause : fileError(cause, out, operation);
  }
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
