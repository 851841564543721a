// A look at an environment's data file before LMDB opens it: lmdb-js ends the process where the file is none of its own,
// and so does touching mapped pages that the file lacks. Read are the two meta pages, as LMDB with 24-byte page headers
// (data version 2, which lmdb-js 3 has) writes them.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { EngramError } from "@engram-ts/core";
import { PAGE_HEADER_BYTES } from "./block-layout.js";

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** Offsets within a meta record, and its size. */
const PAGE_SIZE_AT = 24;
const LAST_PAGE_AT = 120;
const META_BYTES = 136;
/** The last pages may be free, and never have been written. */
const UNWRITTEN_PAGES = 256;

/**
 * Checks a data file; an empty one is fine, and a new environment.
 * @returns the size of its pages.
 * @throws EngramError `truncated` where it is no such file, or shorter than its last commit.
 */
export function checkDataFile(file: string, operation: string): number {
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    if (size === 0) return 4096;
    const first = readMeta(descriptor, 0);
    const second = first === undefined ? undefined : readMeta(descriptor, first.pageBytes);
    if (first === undefined || second === undefined || first.pageBytes !== second.pageBytes) {
      throw refuse(operation, file, "it is no data file of LMDB; is the path right?", { size });
    }
    const lastPage = Math.max(first.lastPage, second.lastPage);
    const expected = (lastPage + 1 - UNWRITTEN_PAGES) * first.pageBytes;
    if (size < expected) {
      throw refuse(
        operation,
        file,
        `it has ${size} bytes, and its last commit needs ${expected}; it was cut short, write it anew`,
        { size, expected },
      );
    }
    return first.pageBytes;
  } finally {
    closeSync(descriptor);
  }
}

function readMeta(
  descriptor: number,
  at: number,
): { readonly pageBytes: number; readonly lastPage: number } | undefined {
  const bytes = new Uint8Array(PAGE_HEADER_BYTES + META_BYTES);
  if (readSync(descriptor, bytes, 0, bytes.length, at) < bytes.length) return undefined;
  const meta = new DataView(bytes.buffer, PAGE_HEADER_BYTES);
  if (meta.getUint32(0, true) !== MAGIC || (meta.getUint32(4, true) & 0xffff) !== DATA_VERSION) return undefined;
  const pageBytes = meta.getUint32(PAGE_SIZE_AT, true);
  const lastPage = meta.getUint32(LAST_PAGE_AT, true) + meta.getUint32(LAST_PAGE_AT + 4, true) * 2 ** 32;
  const known = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
  return known && lastPage <= Number.MAX_SAFE_INTEGER / pageBytes ? { pageBytes, lastPage } : undefined;
}

function refuse(operation: string, file: string, message: string, context: object): EngramError {
  return new EngramError({
    code: "truncated",
    operation,
    message: `${file}: ${message}`,
    context: { file, ...context },
  });
}
