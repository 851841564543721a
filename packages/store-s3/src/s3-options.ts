// The options of s3Store and s3Driver, and their check.

import { EngramError } from "@engram-ts/core";
import type { S3ClientOptions } from "./s3-client.js";

/** How an object store is read. */
export interface S3ReadOptions extends S3ClientOptions {
  /** Most requests under way at once. Default 128: a token's 48 rows, values and scales apart, in one round trip. */
  readonly concurrency?: number;
  /**
   * Bytes of rows that are read together where the manifest names no blocks; at least one row. Default 4,096. Where it
   * names blocks, these are read whole.
   */
  readonly blockBytes?: number;
  /** Blocks with at most so many bytes of rows between them are fetched by one request. Default 32,768. */
  readonly maxGapBytes?: number;
  /** Most bytes of rows that one request fetches, at least one block. Default 8 MiB. */
  readonly maxRequestBytes?: number;
  /** Longest time without a byte from the server, connecting included. Default 5,000. */
  readonly timeoutMs?: number;
  /**
   * Sends a second request where the first has not been answered in full after so many milliseconds; the first answer
   * wins and the other request is aborted. Default: never. A good value is the 95th percentile of healthy answers.
   */
  readonly hedgeAfterMs?: number;
  /** `"off"`: block digests of the manifest are not fetched nor checked. Default `"blocks"`: every block read is. */
  readonly verify?: "blocks" | "off";
  /** Most row ids of one prefetch. Default 2^20. */
  readonly maxBatch?: number;
}

/** Options with all defaults in place. */
export interface CheckedReadOptions {
  readonly concurrency: number;
  readonly blockBytes: number;
  readonly maxGapBytes: number;
  readonly maxRequestBytes: number;
  readonly timeoutMs: number;
  readonly hedgeAfterMs: number | undefined;
  readonly verify: boolean;
  readonly maxBatch: number;
}

/** @throws EngramError `invalid-argument`, naming the option, what it is and what it may be. */
export function checkReadOptions(options: S3ReadOptions, operation: string): CheckedReadOptions {
  const whole = (name: keyof S3ReadOptions, least: number, most: number, fallback: number): number => {
    const value = options[name] ?? fallback;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw invalidOption(operation, name, value, `a whole number from ${least} to ${most}`);
  };
  const { verify = "blocks", client, clientConfig } = options;
  if (verify !== "blocks" && verify !== "off") throw invalidOption(operation, "verify", verify, '"blocks" or "off"');
  if (client !== undefined && clientConfig !== undefined) {
    throw invalidOption(
      operation,
      "clientConfig",
      "given",
      "it without options.client, which has its own configuration",
    );
  }
  return {
    concurrency: whole("concurrency", 1, 4_096, 128),
    blockBytes: whole("blockBytes", 1, 2 ** 26, 4_096),
    maxGapBytes: whole("maxGapBytes", 0, 2 ** 26, 32_768),
    maxRequestBytes: whole("maxRequestBytes", 1, 2 ** 28, 8 * 2 ** 20),
    timeoutMs: whole("timeoutMs", 1, 3_600_000, 5_000),
    hedgeAfterMs: options.hedgeAfterMs === undefined ? undefined : whole("hedgeAfterMs", 0, 3_600_000, 0),
    verify: verify === "blocks",
    maxBatch: whole("maxBatch", 64, 2 ** 24, 2 ** 20),
  };
}

const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

/**
 * Checks a bucket's name and a prefix.
 * @returns the prefix without slashes at its ends.
 * @throws EngramError `invalid-argument`.
 */
export function checkPlace(bucket: unknown, prefix: unknown, operation: string): { bucket: string; prefix: string } {
  if (typeof bucket !== "string" || !BUCKET.test(bucket)) {
    throw invalidOption(operation, "bucket", bucket, "the name of a bucket");
  }
  const trimmed = typeof prefix === "string" ? prefix.replace(/^\/+|\/+$/g, "") : undefined;
  if (trimmed === undefined || trimmed.length > 700 || /\p{Cc}|(^|\/)\.{0,2}(\/|$)/u.test(trimmed || "x")) {
    throw invalidOption(
      operation,
      "prefix",
      prefix,
      "names joined by single slashes, none of them . or .., or nothing",
    );
  }
  return { bucket, prefix: trimmed };
}

/** The key of what lies under a prefix at a relative URI. */
export function keyUnder(prefix: string, uri: string): string {
  return prefix === "" ? uri : `${prefix}/${uri}`;
}

function invalidOption(operation: string, name: string, found: unknown, allowed: string): EngramError {
  const shown = typeof found === "string" ? JSON.stringify(found.slice(0, 80)) : String(found);
  return new EngramError({
    code: "invalid-argument",
    operation,
    message: `options.${name} is ${shown}; use ${allowed}`,
  });
}
