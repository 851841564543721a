// Opens tables by what names them: a URI, a stack of tiers, or a URI for each layer. Which storage there is comes in as
// drivers, so that core itself knows none and runs in a browser. The grammar of the text is in tier-uri.ts.

import { EngramError } from "../errors.js";
import type { Manifest } from "../rows/manifest.js";
import { cached } from "./cached.js";
import { checkAgreement } from "./open-tables-agreement.js";
import type { RowCache } from "./row-cache.js";
import { memoryRowCache } from "./row-cache-memory.js";
import type { RowStore } from "./row-store.js";
import type { OpenedTables, OpenTablesOptions, TableDriver } from "./table-driver.js";
import { parseTierUri, type Tier } from "./tier-uri.js";
import { type TieredStore, tiered } from "./tiered.js";

/** How {@link openTables} opens. */
export interface OpenTablesByUriOptions extends OpenTablesOptions {
  /** The storage that URIs may name: `fileDriver()`, `lmdbDriver()`, `s3Driver()`, `dramDriver()`. */
  readonly drivers: readonly TableDriver[];
}

/** A URI or stack for all layers, or one for each layer by its 0-based index. */
export type TablesUri = string | Readonly<Record<number, string>>;

const operation = "openTables";

/**
 * Opens tables.
 *
 * A stack `fast > ... > complete` reads each row from the first tier that has it and fills the faster ones. `dram(SIZE)`
 * caches rows of all its tables in SIZE bytes, shared out by the tables' sizes; `dram` alone, or `dram:URI`, loads all
 * rows. With a URI for each layer, the manifests must agree in addressing, derived numbers and token map; the manifest
 * given has each layer's module from its own URI, whose parts are relative to that one.
 * @throws EngramError `invalid-argument` (grammar, unknown scheme, layer that is not there), `unsupported` (a driver that
 * cannot be what the stack makes of it), `manifest-mismatch` naming the first difference, `aborted`, and what drivers
 * throw. Whatever was opened by then is closed.
 * @example
 * const opened = await openTables("dram(1GiB) > lmdb:./cache > s3://bucket/prefix", { drivers });
 * const store = opened.tables.get(1);
 */
export async function openTables(uri: TablesUri, options: OpenTablesByUriOptions): Promise<OpenedTables> {
  const drivers = driversByScheme(options?.drivers);
  if (typeof uri === "string") {
    return openStack(parseTierUri(uri), drivers, options);
  }
  const groups = layersByUri(uri, options.layers);
  const opened: OpenedTables[] = [];
  try {
    for (const [text, layers] of groups) {
      const one = await openStack(parseTierUri(text), drivers, { ...options, layers });
      opened.push(one);
      checkAgreement(opened[0]?.manifest ?? one.manifest, one.manifest, text);
    }
  } catch (cause) {
    await closeAll(opened).catch(() => undefined); // the first failure is the one to tell
    throw cause;
  }
  return together(opened);
}

/** All tiers of one stack, for the layers asked for. */
async function openStack(
  tiers: readonly Tier[],
  drivers: ReadonlyMap<string, TableDriver>,
  { layers, signal }: OpenTablesOptions,
): Promise<OpenedTables> {
  const complete = tiers.at(-1);
  if (complete?.kind !== "uri") throw unsupported("the last tier must be a URI", {}); // parseTierUri gives no other
  const caches = tiers.slice(0, -1);
  checkTiers(caches, drivers);
  checkSignal(signal);
  let opened = await driverOf(complete.scheme, drivers).open(complete.uri, {
    ...(layers === undefined ? {} : { layers }),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    checkLayers(opened, layers, complete.uri);
    if (caches.length > 0) opened = await withCaches(opened, caches, drivers, signal);
    if (caches[0]?.kind !== "memory") return opened;
    const memory = driverOf("dram", drivers);
    if (memory.openOver === undefined) throw unsupported("this driver of dram cannot load tables", {});
    return await memory.openOver(opened, signal === undefined ? {} : { signal });
  } catch (cause) {
    await opened.close().catch(() => undefined); // the first failure is the one to tell
    throw cause;
  }
}

/** Puts each table's caches in front of it. Where one fails, those opened before it are closed. */
async function withCaches(
  inside: OpenedTables,
  caches: readonly Tier[],
  drivers: ReadonlyMap<string, TableDriver>,
  signal: AbortSignal | undefined,
): Promise<OpenedTables> {
  const total = [...inside.tables.values()].reduce((sum, { table }) => sum + table.rows * table.rowBytes, 0);
  const tables = new Map<number, RowStore>();
  const unwrapped: RowCache[] = [];
  const filling: TieredStore[] = [];
  try {
    for (const [layer, store] of inside.tables) {
      checkSignal(signal);
      const { table } = store;
      const share = (bytes: number): number => {
        const tableBytes = table.rows * table.rowBytes;
        return Math.min(tableBytes, Math.floor((bytes * tableBytes) / total));
      };
      for (const [place, tier] of caches.entries()) {
        if (tier.kind === "uri") {
          const cache = await driverOf(tier.scheme, drivers).openCache?.(tier.uri, layer, table);
          if (cache !== undefined) unwrapped.push(cache);
        } else if (tier.kind === "memory-cache" && place > 0) {
          unwrapped.push(memoryRowCache({ table, bytes: share(tier.bytes) }));
        }
      }
      let stacked = store;
      if (unwrapped.length > 0) {
        const behind = tiered(unwrapped.splice(0), store);
        filling.push(behind);
        stacked = behind;
      }
      tables.set(layer, stacked);
      const first = caches[0];
      if (first?.kind === "memory-cache") tables.set(layer, cached(stacked, { bytes: share(first.bytes) }));
    }
  } catch (cause) {
    await Promise.allSettled([...unwrapped, ...tables.values()].map((one) => one.close()));
    throw cause;
  }
  return {
    ...inside,
    tables,
    async close() {
      // Rows that were read are kept where they are to be kept, or a short run would leave its caches empty.
      await Promise.all(filling.map((store) => store.filled()));
      await closeAll([...tables.values(), inside]);
    },
  };
}

/** Closes all, whatever fails, and then throws the first failure. */
async function closeAll(open: readonly { close(): Promise<void> }[]): Promise<void> {
  const results = await Promise.allSettled(open.map((one) => one.close()));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function together(opened: readonly OpenedTables[]): OpenedTables {
  const [first] = opened;
  if (first === undefined) throw invalid("no layer is named; give a URI for at least one", {});
  const modules = opened.flatMap(({ manifest, tables }) => manifest.modules.filter(({ layer }) => tables.has(layer)));
  const withMap = opened.find(({ manifest }) => manifest.tokenMap !== undefined);
  const { modules: _, tokenMap: __, ...common } = first.manifest;
  const tokenMap = withMap?.manifest.tokenMap;
  const manifest: Manifest = { ...common, ...(tokenMap === undefined ? {} : { tokenMap }), modules };
  const readMap = withMap?.tokenMap?.bind(withMap);
  return {
    manifest,
    tables: new Map(opened.flatMap(({ tables }) => [...tables])),
    ...(readMap === undefined ? {} : { tokenMap: readMap }),
    close: () => closeAll(opened),
  };
}

/** The layers to open at each URI, in the order of the record. */
function layersByUri(uri: unknown, only: readonly number[] | undefined): Map<string, number[]> {
  if (typeof uri !== "object" || uri === null || Array.isArray(uri)) {
    throw invalid('tables are named by a URI, or by one for each layer: { 1: "dram:file:./t", 14: "lmdb:./t" }', {});
  }
  const groups = new Map<string, number[]>();
  const named = new Set<number>();
  for (const [key, text] of Object.entries(uri)) {
    if (!/^\d{1,5}$/.test(key))
      throw invalid(`${JSON.stringify(key.slice(0, 40))} is no layer; use its 0-based index`, {});
    if (typeof text !== "string") throw invalid(`the URI of layer ${key} must be a text`, { layer: Number(key) });
    named.add(Number(key));
    if (only !== undefined && !only.includes(Number(key))) continue;
    groups.set(text, [...(groups.get(text) ?? []), Number(key)]);
  }
  for (const layer of only ?? []) {
    if (!named.has(layer)) throw invalid(`layer ${layer} is asked for and no URI is given for it`, { layer });
  }
  return groups;
}

function driversByScheme(drivers: unknown): ReadonlyMap<string, TableDriver> {
  if (!Array.isArray(drivers)) throw invalid("options.drivers must be an array, as in [fileDriver(), s3Driver()]", {});
  const known = new Map<string, TableDriver>();
  for (const driver of drivers as readonly TableDriver[]) {
    if (known.has(driver.scheme)) throw invalid(`two drivers are given for ${driver.scheme}:; leave one out`, {});
    known.set(driver.scheme, driver);
  }
  return known;
}

function driverOf(scheme: string, drivers: ReadonlyMap<string, TableDriver>): TableDriver {
  const driver = drivers.get(scheme);
  if (driver !== undefined) return driver;
  const known = [...drivers.keys()].map((name) => `${name}:`).join(", ");
  throw invalid(`no driver opens ${scheme}:; there are ${known || "none"}; add one to options.drivers`, { scheme });
}

/** Refuses what cannot work before anything is opened. */
function checkTiers(caches: readonly Tier[], drivers: ReadonlyMap<string, TableDriver>): void {
  for (const tier of caches) {
    if (tier.kind === "memory") driverOf("dram", drivers);
    if (tier.kind !== "uri" || driverOf(tier.scheme, drivers).openCache !== undefined) continue;
    throw unsupported(
      `${tier.scheme}: cannot be a cache in front of other tiers, since it does not hold some rows of a table; put it last, or leave it out`,
      { scheme: tier.scheme },
    );
  }
}

function checkLayers(opened: OpenedTables, layers: readonly number[] | undefined, uri: string): void {
  const missing = layers?.find((layer) => !opened.tables.has(layer));
  if (missing === undefined) return;
  const there = opened.manifest.modules.map(({ layer }) => layer).join(", ");
  throw invalid(`${uri} has no table for layer ${missing}; it has ${there || "none"}`, { layer: missing, uri });
}

function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new EngramError({ code: "aborted", operation, message: "the caller's signal ended the opening" });
}

function invalid(message: string, context: Readonly<Record<string, unknown>>): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message, context });
}

function unsupported(message: string, context: Readonly<Record<string, unknown>>): EngramError {
  return new EngramError({ code: "unsupported", operation, message, context });
}
