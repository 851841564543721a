// `engram inspect`: what tables are, without reading rows: addressing, derived numbers, token map, and for each module its
// rows, encoding, digest, parts and what its store can do. What a checkpoint is: inspect-checkpoint.ts.

import { createAddressing, type ManifestModule, type OpenedTables } from "@engram-ts/core";
import { Command } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { openByUri } from "../drivers.js";
import { byteText } from "../progress.js";
import { layersOption } from "../table-copy-options.js";
import { textTable } from "../text-table.js";
import { inspectCheckpoint, invalidUse } from "./inspect-checkpoint.js";

interface InspectOptions {
  layers?: string;
  checkpoint?: string;
  json?: boolean;
}

/** The command `inspect`. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("What tables are: addressing, rows, encodings, parts, sizes, digests; or what a checkpoint is.")
    .argument("[uri]", "a URI of tables, or a stack of tiers; no row is read")
    .option("--checkpoint <place>", "a folder or s3://bucket/prefix with a checkpoint; no value is read")
    .option("--layers <layers>", "only these layers: 1,14")
    .option("--json", "one JSON object: the manifest, and each module's store")
    .addHelpText("after", "\nExamples:\n  engram inspect s3://bucket/tables\n  engram inspect --checkpoint ./model")
    .action((uri: string | undefined, options: InspectOptions) => {
      if (options.checkpoint !== undefined && uri === undefined)
        return inspectCheckpoint(options.checkpoint, options.json);
      if (uri !== undefined && options.checkpoint === undefined) return runInspect(uri, options);
      throw invalidUse("give the URI of tables, or --checkpoint PLACE");
    });
}

async function runInspect(uri: string, options: InspectOptions): Promise<void> {
  const opened = await openByUri(uri, layersOption(options.layers));
  try {
    const { manifest } = opened;
    // Refuses derived numbers that are not those of the addressing.
    const { kernel, rowsPerToken } = createAddressing(manifest.addressing, { derived: manifest.derived });
    const stores = [...opened.tables].map(([layer, { table, capabilities }]) => ({
      layer,
      rows: table.rows,
      rowBytes: table.rowBytes,
      bytes: table.rows * table.rowBytes,
      capabilities,
    }));
    const result = { uri, rowsPerToken, manifest, stores };
    await writeResult(options.json === true, result, () => describe(uri, opened, rowsPerToken, kernel));
  } finally {
    await opened.close();
  }
}

function describe(uri: string, { manifest, tables }: OpenedTables, rowsPerToken: number, kernel: string): string {
  const { addressing, tokenMap, modules, derived } = manifest;
  const { kind, vocabSize, seed, layers, tableSizes, headsPerOrder } = addressing;
  const shown = modules.filter(({ layer }) => tables.has(layer));
  const bytes = [...tables.values()].reduce((sum, { table }) => sum + table.rows * table.rowBytes, 0);
  const rows = shown.map((module) => {
    const table = tables.get(module.layer)?.table;
    return [
      String(module.layer),
      groupDigits(module.rows),
      `${module.encoding.kind} x ${module.encoding.width}`,
      groupDigits(table?.rowBytes ?? 0),
      byteText((table?.rows ?? 0) * (table?.rowBytes ?? 0)),
      partsText(module),
      module.digest?.replace(/^(sha256:.{12}).*/, "$1") ?? "none",
    ];
  });
  const first = derived.layers[0];
  const can = [...tables.values()][0]?.capabilities;
  return [
    uri,
    `addressing   ${kind}, vocabulary ${groupDigits(vocabSize)}, seed ${seed}, layers ${layers.join(", ")}`,
    `tables       ${tableSizes.length} orders x ${headsPerOrder} heads, ${rowsPerToken} rows a token, from ${tableSizes.map(groupDigits).join(", ")} rows a head`,
    `first primes ${first?.primes[0]?.slice(0, 4).map(groupDigits).join(", ") ?? ""} (layer ${first?.layer ?? ""})`,
    `multipliers  ${first?.multipliers.join(", ") ?? ""}`,
    `token map    ${tokenMap === undefined ? "none" : `${tokenMap.file}, ${groupDigits(tokenMap.tokens)} ids to ${groupDigits(tokenMap.compressed)}, sha256 ${tokenMap.sha256.slice(0, 12)}`}`,
    `size         ${byteText(bytes)} in ${shown.length} of ${layers.length} layers; hashing by ${kernel}`,
    `store        ${can === undefined ? "none" : `${can.resident ? "resident" : "read on demand"}, ${can.writable ? "writable" : "read-only"}, ${can.durable ? "durable" : "not durable"}, at most ${groupDigits(can.maxBatch)} rows a prefetch`}`,
    "",
    textTable(["layer", "rows", "encoding", "row bytes", "size", "parts", "digest"], rows, [
      "right",
      "right",
      "left",
      "right",
      "right",
    ]),
  ].join("\n");
}

/** How many parts, in how many objects, and whether scales lie apart. */
function partsText({ parts, blocks }: ManifestModule): string {
  const objects = new Set(
    parts.flatMap(({ data, scales }) => [data.uri, ...(scales === undefined ? [] : [scales.uri])]),
  );
  const regions = parts.some(({ scales }) => scales !== undefined) ? ", scales apart" : "";
  const digested = blocks?.digests === undefined ? "" : `, digests of ${groupDigits(blocks.rows)} rows`;
  return `${parts.length} in ${objects.size} object${objects.size === 1 ? "" : "s"}${regions}${digested}`;
}
