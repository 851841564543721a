// Opens one table by URI in a contestant's process. Loads the packages of its tiers and nothing else: processes are started
// by the hundred. No retries, unlike the command engram: what fails shall be seen.

import { type OpenedTables, openTables, parseTierUri, type TableDriver } from "@engram-ts/core";
import type { DramDriverOptions } from "@engram-ts/store-dram";
import type { FileDriverOptions } from "@engram-ts/store-file";

/** How stores are opened, where it is not as the command engram does. */
export interface StoreOptions {
  readonly dram?: Pick<DramDriverOptions, "hugePages" | "kernel" | "workers">;
  readonly file?: Pick<FileDriverOptions, "mapping">;
}

const LOADERS: Readonly<Record<string, (options: StoreOptions) => Promise<TableDriver>>> = {
  dram: async ({ dram }) => (await import("@engram-ts/store-dram")).dramDriver(dram),
  file: async ({ file }) => (await import("@engram-ts/store-file")).fileDriver(file),
  lmdb: async () => (await import("@engram-ts/store-lmdb")).lmdbDriver(),
  s3: async () => {
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true"; // no news for whoever runs a benchmark
    return (await import("@engram-ts/store-s3")).s3Driver();
  },
};

/** The tables of some layers at a URI or stack. */
export async function openTablesAt(
  uri: string,
  layers: readonly number[],
  options: StoreOptions = {},
): Promise<OpenedTables> {
  const schemes = new Set(parseTierUri(uri).map((tier) => (tier.kind === "uri" ? tier.scheme : "dram")));
  const drivers = await Promise.all([...schemes].map((scheme) => LOADERS[scheme]?.(options)));
  return openTables(uri, { layers, drivers: drivers.filter((driver) => driver !== undefined) });
}
