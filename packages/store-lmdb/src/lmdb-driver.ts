// The way in by URI: opens the published tables of an environment, writes tables into one, keeps a row cache in one.

import { EngramError, type OpenedTables, type RowStore, type TableDriver } from "@engram-ts/core";
import { openLmdbCache } from "./lmdb-cache.js";
import { type Environment, holdEnvironment } from "./lmdb-environment.js";
import { metaKey } from "./lmdb-keys.js";
import { checkLmdbOptions, type LmdbStoreOptions } from "./lmdb-options.js";
import type { Snapshot } from "./lmdb-snapshot.js";
import { openAt } from "./lmdb-store.js";
import { parseLmdbUri } from "./lmdb-uri.js";
import { blockWriter } from "./lmdb-writer.js";
import { readPublished } from "./table-records.js";

/** How tables in LMDB are read; as in {@link LmdbStoreOptions}. */
export type LmdbDriverOptions = Pick<LmdbStoreOptions, "maxBatch" | "refreshMs" | "copyBytes">;

/**
 * Opens and writes `lmdb:` URIs, such as `lmdb:./tables`: folders with an LMDB environment; as a cache in front of other
 * tiers, `lmdb:./cache?bytes=64GiB`.
 * @example const { tables } = await lmdbDriver().open("lmdb:./tables", { layers: [1] });
 */
export function lmdbDriver(options: LmdbDriverOptions = {}): TableDriver {
  return {
    scheme: "lmdb",
    async open(uri, openOptions) {
      const { folder, bytes } = parseLmdbUri(uri, "lmdbDriver.open");
      if (bytes !== undefined) throw budgetIsForCaches(uri, "lmdbDriver.open");
      const environment = await holdEnvironment(folder, "lmdbDriver.open", { create: false });
      const snapshot = environment.snapshot();
      try {
        return await openTablesAt(environment, snapshot, options, openOptions ?? {});
      } finally {
        snapshot.release();
        await environment.release();
      }
    },
    openCache(uri, layer, table) {
      const { folder, bytes } = parseLmdbUri(uri, "lmdbDriver.openCache");
      return openLmdbCache({ path: folder, layer, table, ...(bytes === undefined ? {} : { bytes }) });
    },
    async write(uri, plan, writeOptions) {
      const { folder, bytes } = parseLmdbUri(uri, "lmdbDriver.write");
      if (bytes !== undefined) throw budgetIsForCaches(uri, "lmdbDriver.write");
      const environment = await holdEnvironment(folder, "lmdbDriver.write", { create: true });
      try {
        const writer = await blockWriter(environment, plan, writeOptions ?? {});
        let released: Promise<void> | undefined;
        return {
          committed: writer.committed,
          write: writer.write,
          async finish(digests) {
            const manifest = await writer.finish(digests);
            if (manifest === undefined) throw new TypeError("a plan with a manifest gives one");
            return manifest;
          },
          async close() {
            try {
              await writer.close();
            } finally {
              released ??= environment.release();
              await released;
            }
          },
        };
      } catch (error) {
        await environment.release();
        throw error;
      }
    },
  };
}

async function openTablesAt(
  environment: Environment,
  snapshot: Snapshot,
  options: LmdbDriverOptions,
  { layers, signal }: { readonly layers?: readonly number[]; readonly signal?: AbortSignal },
): Promise<OpenedTables> {
  const published = readPublished(snapshot);
  const { path } = environment;
  if (published?.manifest === undefined) {
    throw new EngramError({
      code: "not-found",
      operation: "lmdbDriver.open",
      message:
        published === undefined
          ? `${path} has no published tables; was the import finished? run it again, it goes on where it was`
          : `${path} has a table without a manifest; open it with lmdbStore({ path })`,
      context: { path },
    });
  }
  const { manifest } = published;
  const tables = new Map<number, RowStore>();
  const close = async (): Promise<void> => {
    await Promise.all([...tables.values()].map((store) => store.close()));
  };
  try {
    for (const { layer } of manifest.modules) {
      if (layers !== undefined && !layers.includes(layer)) continue;
      signal?.throwIfAborted();
      tables.set(layer, await openAt(checkLmdbOptions({ ...options, path, layer }), snapshot));
    }
    for (const layer of layers ?? []) {
      if (tables.has(layer)) continue;
      throw new EngramError({
        code: "not-found",
        operation: "lmdbDriver.open",
        message: `${path} has no table of layer ${layer}; it has ${manifest.modules.map((one) => one.layer).join(", ")}`,
        context: { layer },
      });
    }
  } catch (error) {
    await close();
    throw error;
  }
  const map = published.tokenMap === undefined ? undefined : snapshot.read(metaKey(published.tokenMap));
  if (map === undefined) return { manifest, tables, close };
  return { manifest, tables, tokenMap: () => Promise.resolve(map), close };
}

function budgetIsForCaches(uri: string, operation: string): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation,
    message: `${uri.slice(0, 200)} has a budget, which only caches have; leave ?bytes= out`,
  });
}
