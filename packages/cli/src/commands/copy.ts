// `engram copy`: tables from one place to another, bit for bit. Rows go as they are; how they are laid out is each place's.

import { createHash } from "node:crypto";
import { EngramError, type ManifestTokenMap, type OpenedTables } from "@engram-ts/core";
import { Command, Option } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { openByUri, writeTarget } from "../drivers.js";
import { byteText, progressReporter, silentProgress } from "../progress.js";
import { withInterrupt } from "../table-copy-interrupt.js";
import { layersOption } from "../table-copy-options.js";
import { storeSource } from "../table-copy-source.js";
import { VERIFY_MODES, type VerifyMode, writeTables } from "../table-copy-write.js";
import { TOKEN_MAP_FILE } from "./import-tokens.js";

interface CopyCommandOptions {
  layers?: string;
  verify: VerifyMode;
  replace?: boolean;
  json?: boolean;
}

const operation = "engram copy";

/** The command `copy`. */
export function copyCommand(): Command {
  return new Command("copy")
    .description("Copies tables from one place to another, bit for bit; goes on where an interrupted run was.")
    .argument("<from>", "a URI or a stack of tiers")
    .argument("<to>", "file:./tables, lmdb:./tables, s3://bucket/prefix")
    .option("--layers <layers>", "only these layers: 1,14")
    .addOption(
      new Option("--verify <mode>", "reads back every row, a sample, or none").choices(VERIFY_MODES).default("all"),
    )
    .option("--replace", "replaces tables that are there, and forgets an unfinished copy of others")
    .option("--json", "one JSON object; no progress")
    .addHelpText("after", "\nExample:\n  engram copy lmdb:./tables s3://bucket/tables")
    .action((from: string, to: string, options: CopyCommandOptions) => runCopy(from, to, options));
}

async function runCopy(from: string, to: string, options: CopyCommandOptions): Promise<void> {
  const progress = options.json === true ? silentProgress : progressReporter(process.stderr);
  const target = await writeTarget(to, operation);
  const layers = layersOption(options.layers);
  const copied = await withInterrupt(async (signal) => {
    const opened = await openByUri(from, { ...layers, signal });
    try {
      const { modules: _, tokenMap: __, ...withoutMap } = opened.manifest;
      const tokenMap = await carriedTokenMap(opened, from);
      return await writeTables({
        target,
        manifest: { ...withoutMap, ...(tokenMap === undefined ? {} : { tokenMap: tokenMap.entry }) },
        ...(tokenMap === undefined ? {} : { tokenMap: tokenMap.bytes }),
        sources: [...opened.tables].map(([layer, store]) => storeSource(layer, store, signal)),
        replace: options.replace === true,
        verify: options.verify,
        progress,
        signal,
        operation,
      });
    } finally {
      await opened.close();
    }
  });
  const tables = copied.tables.map((table) => ({
    ...table,
    megabytesPerSecond: table.bytes / 1e6 / Math.max(table.seconds, 1e-3),
  }));
  await writeResult(options.json === true, { from, to: target.uri, layers: tables, verify: options.verify }, () =>
    [
      `${from} to ${target.uri}`,
      ...tables.map(
        ({ layer, rows, bytes, seconds, megabytesPerSecond, resumedRows, digest }) =>
          `layer ${layer}: ${groupDigits(rows)} rows, ${byteText(bytes)} in ${seconds.toFixed(1)} s, ${megabytesPerSecond.toFixed(0)} MB/s${resumedRows > 0 ? `, ${groupDigits(resumedRows)} rows from before` : ""}\n  ${digest}`,
      ),
    ].join("\n"),
  );
}

/** The token map, checked against the manifest and named anew; undefined where there is none. */
async function carriedTokenMap(
  opened: OpenedTables,
  from: string,
): Promise<{ entry: ManifestTokenMap; bytes: Uint8Array } | undefined> {
  const entry = opened.manifest.tokenMap;
  if (entry === undefined || opened.tokenMap === undefined) return undefined;
  const bytes = await opened.tokenMap();
  if (createHash("sha256").update(bytes).digest("hex") === entry.sha256) {
    return { bytes, entry: { ...entry, file: TOKEN_MAP_FILE } };
  }
  throw new EngramError({
    code: "digest-mismatch",
    operation,
    message: `the token map ${entry.file} at ${from} is not the one that the manifest names; make it again from the tokenizer, or import again`,
    context: { from, file: entry.file },
  });
}
