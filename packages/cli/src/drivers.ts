// The storage that the command knows, by the schemes of its URIs. Each package is loaded when the first table is opened,
// not at the start of every command; what a package itself needs besides (the AWS SDK) it asks for when it is used.

import {
  EngramError,
  type OpenedTables,
  openTables,
  parseTierUri,
  type TableDriver,
  type TablesUri,
} from "@engram-ts/core";
import { retryingDriver } from "./drivers-retry.js";

let drivers: Promise<readonly TableDriver[]> | undefined;

/** Drivers of `dram:`, `file:`, `lmdb:` and `s3:`. */
export function tableDrivers(): Promise<readonly TableDriver[]> {
  drivers ??= loadDrivers();
  return drivers;
}

async function loadDrivers(): Promise<readonly TableDriver[]> {
  // Node 20 is supported here; that later versions of the SDK will not be is no news for whoever runs this command.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const [dram, file, lmdb, s3] = await Promise.all([
    import("@engram-ts/store-dram"),
    import("@engram-ts/store-file"),
    import("@engram-ts/store-lmdb"),
    import("@engram-ts/store-s3"),
  ]);
  return [dram.dramDriver(), file.fileDriver(), lmdb.lmdbDriver(), retryingDriver(s3.s3Driver())];
}

/** Opens tables by a URI, a stack, or one of these for each layer. */
export async function openByUri(
  uri: TablesUri,
  options: { layers?: readonly number[]; signal?: AbortSignal } = {},
): Promise<OpenedTables> {
  return openTables(uri, { ...options, drivers: await tableDrivers() });
}

/** A driver that writes, and the one URI it writes to. */
export interface WriteTarget {
  readonly uri: string;
  readonly driver: TableDriver & Required<Pick<TableDriver, "write">>;
}

/**
 * The driver for a URI that tables are to be written to.
 * @throws EngramError `invalid-argument` for a stack or an unknown scheme, `unsupported` where the driver cannot write.
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
  const known = await tableDrivers();
  const driver = known.find(({ scheme }) => scheme === tier.scheme);
  if (driver === undefined) {
    const schemes = known.map(({ scheme }) => `${scheme}:`).join(", ");
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `no storage is called ${tier.scheme}:; there are ${schemes}`,
    });
  }
  if (!canWrite(driver)) {
    throw new EngramError({
      code: "unsupported",
      operation,
      message: `${tier.scheme}: cannot be written to; use file:, lmdb: or s3:`,
    });
  }
  return { uri: tier.uri, driver };
}

function canWrite(driver: TableDriver): driver is WriteTarget["driver"] {
  return driver.write !== undefined;
}
