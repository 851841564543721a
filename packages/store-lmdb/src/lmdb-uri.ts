// URIs of LMDB environments: `lmdb:./folder`, `lmdb:/absolute/folder`, and for caches a budget, `lmdb:./cache?bytes=64GiB`.

import { resolve } from "node:path";
import { EngramError } from "@engram-ts/core";

/** What a URI names. */
export interface LmdbUri {
  /** The folder, absolute. */
  readonly folder: string;
  /** The budget of a cache. */
  readonly bytes: number | undefined;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** @throws EngramError `invalid-argument`. */
export function parseLmdbUri(uri: string, operation: string): LmdbUri {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation, message });
  };
  if (typeof uri !== "string" || !uri.startsWith("lmdb:")) {
    return refuse(`the URI ${JSON.stringify(String(uri).slice(0, 80))} does not begin with lmdb:`);
  }
  const [rest = "", query, ...more] = uri.slice("lmdb:".length).split("?");
  const path = rest.startsWith("///") ? rest.slice(2) : rest;
  if (path === "" || path.startsWith("//") || path.includes("\0")) {
    return refuse(`${uri.slice(0, 200)} names no folder; use lmdb:./folder or lmdb:/absolute/folder`);
  }
  if (query === undefined) return { folder: resolve(path), bytes: undefined };
  const match = /^bytes=(\d{1,15})([KMGT]iB)?$/.exec(query);
  const bytes = match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2] ?? ""] ?? Number.NaN);
  if (more.length > 0 || !(bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER)) {
    return refuse(`${JSON.stringify(query.slice(0, 80))} is no budget; use ?bytes= and a number, such as ?bytes=64GiB`);
  }
  return { folder: resolve(path), bytes };
}
