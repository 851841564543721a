// `engram verify`: whether tables are what their manifest says: derived numbers, token map, every row against the digests
// of tables, or a sample of rows against another copy, a checkpoint's fill or nothing but being readable. Where rows can be
// compared one by one the first wrong one is named; stores that keep block digests check those as they read.

import { createHash } from "node:crypto";
import { createAddressing, EngramError, isEngramError, type OpenedTables, type RowStore } from "@engram-ts/core";
import { Command } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { openByUri } from "../drivers.js";
import { byteText, type ProgressReporter, progressReporter, silentProgress } from "../progress.js";
import { allRuns, digestSource, firstDifference } from "../table-copy.js";
import { checkSignal, withInterrupt } from "../table-copy-interrupt.js";
import { layersOption, wholeOption } from "../table-copy-options.js";
import { deterministicSource, type RowSource, storeSource } from "../table-copy-source.js";
import { sampleRuns } from "../table-copy-write.js";

interface VerifyOptions {
  layers?: string;
  sample?: string;
  against?: string;
  fillSeed?: string;
  json?: boolean;
}

interface VerifiedLayer {
  readonly layer: number;
  readonly rows: number;
  /** Rows that were read. */
  readonly read: number;
  readonly bytes: number;
  /** What the rows were compared with. */
  readonly compared: "digest" | "other" | "fill" | "nothing";
  readonly digest?: string;
}

const operation = "engram verify";
const SAMPLE_RUN_ROWS = 16;

/** The command `verify`. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("Checks tables: manifest, token map, and every row against its digests, or a sample of rows.")
    .argument("<uri>", "a URI or a stack of tiers")
    .option("--layers <layers>", "only these layers: 1,14")
    .option("--sample <rows>", "reads about so many rows of each table instead of all, in runs of 16")
    .option("--against <uri>", "compares every row read with other tables, and names the first that differs")
    .option("--fill-seed <seed>", "compares with the rows that engram fill or make-fixture made from this seed")
    .option("--json", "one JSON object; no progress")
    .addHelpText(
      "after",
      "\nExamples:\n  engram verify lmdb:./tables\n  engram verify s3://bucket/tables --sample 4096 --against file:./tables",
    )
    .action((uri: string, options: VerifyOptions) => runVerify(uri, options));
}

async function runVerify(uri: string, options: VerifyOptions): Promise<void> {
  const progress = options.json === true ? silentProgress : progressReporter(process.stderr);
  const sample = wholeOption("--sample", options.sample, 1);
  const seed = wholeOption("--fill-seed", options.fillSeed, 0);
  if (options.against !== undefined && seed !== undefined) {
    throw new EngramError({ code: "invalid-argument", operation, message: "give --against or --fill-seed, not both" });
  }
  const layers = layersOption(options.layers);
  const verified = await withInterrupt(async (signal) => {
    const opened = await openByUri(uri, { ...layers, signal });
    let other: OpenedTables | undefined;
    try {
      if (options.against !== undefined)
        other = await openByUri(options.against, { layers: [...opened.tables.keys()], signal });
      createAddressing(opened.manifest.addressing, { derived: opened.manifest.derived });
      const tokenMap = await checkTokenMap(opened, uri);
      const results: VerifiedLayer[] = [];
      for (const [layer, store] of opened.tables) {
        const compare = comparison(layer, store, other, seed, signal);
        results.push(await verifyLayer(storeSource(layer, store, signal), { compare, sample, progress, signal, uri }));
      }
      return { layers: results, tokenMap };
    } finally {
      await other?.close();
      await opened.close();
    }
  }, "not all rows were compared, and nothing was changed");
  await writeResult(options.json === true, { uri, ok: true, ...verified }, () =>
    [`${uri} is right`, ...verified.layers.map(layerText), `token map: ${verified.tokenMap}`].join("\n"),
  );
}

/** What rows are compared with, one by one. */
interface Comparison {
  readonly kind: "other" | "fill";
  readonly source: RowSource;
}

interface LayerCheck {
  readonly compare: Comparison | undefined;
  readonly sample: number | undefined;
  readonly progress: ProgressReporter;
  readonly signal: AbortSignal;
  readonly uri: string;
}

async function verifyLayer(source: RowSource, check: LayerCheck): Promise<VerifiedLayer> {
  const { layer, table } = source;
  const { compare, sample, progress, signal, uri } = check;
  const { rows, rowBytes } = table;
  const runs =
    sample === undefined ? undefined : sampleRuns(rows, Math.ceil(sample / SAMPLE_RUN_ROWS), SAMPLE_RUN_ROWS);
  const read = runs?.reduce((sum, run) => sum + run.rows, 0) ?? rows;
  const result = { layer, rows, read, bytes: read * rowBytes };
  if (compare !== undefined || runs !== undefined) {
    const shown = progress.start(`layer ${layer}`, read * rowBytes);
    let done = 0;
    const report = (bytes: number): void => {
      done += bytes;
      shown.report(done);
    };
    const chosen = runs ?? allRuns(rows, rowBytes);
    if (compare === undefined) await readRuns(source, chosen, report, signal);
    else {
      const difference = await firstDifference(source, compare.source, chosen, report, signal);
      if (difference !== undefined) throw wrongRow(uri, layer, difference.row, difference.byte);
    }
    shown.end(done);
    return { ...result, compared: compare?.kind ?? "nothing" };
  }
  const digest = await digestSource(source, `layer ${layer}`, { progress, signal });
  if (table.digest === undefined) return { ...result, compared: "nothing", digest };
  if (table.digest === digest) return { ...result, compared: "digest", digest };
  throw new EngramError({
    code: "digest-mismatch",
    operation,
    message: `the rows of layer ${layer} at ${uri} are ${digest}, and the manifest says ${table.digest}: some row is damaged; --against URI of a good copy names the first, and engram copy or import with --replace writes them again`,
    context: { uri, layer, found: digest, stated: table.digest },
  });
}

/** Reads runs of rows; a store that checks blocks does so. */
async function readRuns(
  source: RowSource,
  runs: Iterable<{ readonly firstRow: number; readonly rows: number }>,
  report: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const { firstRow, rows } of runs) {
    checkSignal(signal);
    const out = new Uint8Array(rows * source.table.rowBytes);
    await source.read(firstRow, out);
    report(out.length);
  }
}

/** What each row is compared with, where something is named. */
function comparison(
  layer: number,
  store: RowStore,
  other: OpenedTables | undefined,
  seed: number | undefined,
  signal: AbortSignal,
): Comparison | undefined {
  const { table } = store;
  if (seed !== undefined) return { kind: "fill", source: deterministicSource(layer, table, seed) };
  const against = other?.tables.get(layer);
  if (against === undefined) return undefined;
  const shape = ({ rows, rowBytes, encoding }: RowStore["table"]) =>
    `${rows} rows of ${rowBytes} bytes (${encoding.kind})`;
  if (shape(against.table) === shape(table)) return { kind: "other", source: storeSource(layer, against, signal) };
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `layer ${layer} has ${shape(table)}, and --against has ${shape(against.table)}; compare tables of one shape`,
    context: { layer },
  });
}

async function checkTokenMap({ manifest, tokenMap }: OpenedTables, uri: string): Promise<string> {
  const entry = manifest.tokenMap;
  if (entry === undefined) return "none";
  if (tokenMap === undefined) return "named, not kept here";
  let bytes: Uint8Array;
  try {
    bytes = await tokenMap();
  } catch (cause) {
    if (!isEngramError(cause, "not-found")) throw cause;
    bytes = new Uint8Array();
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 === entry.sha256) return "right";
  throw new EngramError({
    code: "digest-mismatch",
    operation,
    message: `the token map ${entry.file} at ${uri} has ${bytes.length} bytes and sha256 ${sha256}, and the manifest says ${entry.bytes} and ${entry.sha256}; make it again with engram tokens --tokenizer ... --out`,
    context: { uri, file: entry.file },
  });
}

function wrongRow(uri: string, layer: number, row: number, byte: number): EngramError {
  return new EngramError({
    code: "digest-mismatch",
    operation,
    message: `row ${row} of layer ${layer} at ${uri} is wrong from byte ${byte} on, the first of those compared; write the table again with --replace`,
    context: { uri, layer, row, byte },
  });
}

function layerText({ layer, rows, read, bytes, compared, digest }: VerifiedLayer): string {
  const what = {
    digest: "equal the manifest's digest",
    other: "equal the other copy",
    fill: "equal what the seed gives",
    nothing: "can be read; the manifest has no digest to compare them with",
  };
  const sampled = read < rows ? `${groupDigits(read)} of ${groupDigits(rows)} rows` : `${groupDigits(rows)} rows`;
  const text =
    read < rows && compared === "nothing"
      ? "can be read; a sample is compared only --against something"
      : what[compared];
  return `layer ${layer}: ${sampled}, ${byteText(bytes)}, ${text}${digest === undefined ? "" : `\n  ${digest}`}`;
}
