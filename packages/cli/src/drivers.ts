// The storage that the command knows, by the schemes of its URIs. Each package is loaded when one of its URIs is used, so
// that a native library that does not load here hinders nobody who does not use it.

import {
  EngramError,
  isEngramError,
  type OpenedTables,
  openTables,
  parseTierUri,
  type TableDriver,
  type TablesUri,
} from "@engram-ts/core";
import { retryingDriver } from "./drivers-retry.js";

const LOADERS: ReadonlyMap<string, () => Promise<TableDriver>> = new Map([
  ["dram", async () => (await import("@engram-ts/store-dram")).dramDriver()],
  ["file", async () => (await import("@engram-ts/store-file")).fileDriver()],
  ["lmdb", async () => (await import("@engram-ts/store-lmdb")).lmdbDriver()],
  ["s3", async () => retryingDriver((await import("@engram-ts/store-s3")).s3Driver())],
]);

/**
 * The drivers of schemes: of `dram`, `file`, `lmdb`, `s3`.
 * @throws EngramError `invalid-argument` for another scheme, `missing-dependency` where a package cannot be loaded.
 */
export function tableDrivers(schemes: readonly string[] = [...LOADERS.keys()]): Promise<readonly TableDriver[]> {
  return Promise.all([...new Set(schemes)].map(loadDriver));
}

async function loadDriver(scheme: string): Promise<TableDriver> {
  const load = LOADERS.get(scheme);
  if (load === undefined) {
    const known = [...LOADERS.keys()].map((name) => `${name}:`).join(", ");
    throw new EngramError({
      code: "invalid-argument",
      operation: "engram",
      message: `no storage is called ${scheme}:; there are ${known}`,
      context: { scheme },
    });
  }
  // Node 20 is supported here; that later versions of the SDK will not be is no news for whoever runs this command.
  if (scheme === "s3") process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  try {
    return await load();
  } catch (cause) {
    if (isEngramError(cause)) throw cause;
    throw new EngramError({
      code: "missing-dependency",
      operation: "engram",
      message: `${scheme}: needs @engram-ts/store-${scheme}, which cannot be loaded here (${cause instanceof Error ? cause.message : String(cause)}); npm install @engram-ts/store-${scheme}`,
      context: { scheme },
      cause,
    });
  }
}

/** Opens tables by a URI, a stack, or one of these for each layer. */
export async function openByUri(
  uri: TablesUri,
  options: { layers?: readonly number[]; signal?: AbortSignal } = {},
): Promise<OpenedTables> {
  const texts = typeof uri === "string" ? [uri] : Object.values(uri);
  const schemes = texts.flatMap(parseTierUri).flatMap((tier) => {
    if (tier.kind === "uri") return [tier.scheme];
    return tier.kind === "memory" ? ["dram"] : [];
  });
  return openTables(uri, { ...options, drivers: await tableDrivers(schemes) });
}

/** A driver that writes, and the one URI it writes to. */
export interface WriteTarget {
  readonly uri: string;
  readonly driver: TableDriver & Required<Pick<TableDriver, "write">>;
}

/**
 * The driver for a URI that tables are to be written to.
 * @throws EngramError `invalid-argument` for a stack or an unknown scheme, `unsupported` where the driver cannot write,
 * `missing-dependency`.
 */
export async function writeTarget(uri: string, operation: string): Promise<WriteTarget> {
  const [tier, ...others] = parseTierUri(uri);
  if (tier?.kind !== "uri" || others.length > 0) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `${uri} is a stack of tiers; tables are written to one place, such as file:./tables, lmdb:./tables or s3://bucket/prefix`,
    });
  }
  const [driver] = await tableDrivers([tier.scheme]);
  if (driver !== undefined && canWrite(driver)) return { uri: tier.uri, driver };
  throw new EngramError({
    code: "unsupported",
    operation,
    message: `${tier.scheme}: cannot be written to; use file:, lmdb: or s3:`,
  });
}

function canWrite(driver: TableDriver): driver is WriteTarget["driver"] {
  return driver.write !== undefined;
}
