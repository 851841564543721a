// Prepared corpora as one small file each, to take them to another machine: the files of a corpus's folder one after the
// other, each compressed. Unpacked they are the same bytes, which their digests vouch for. Not here: what is in them.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { EngramError } from "@engram-ts/core";
import { CORPORA } from "../running/experiment-corpora.js";

const ENDING = ".tokens";
const WINDOW_BITS = 24;
const LIMIT_BYTES = 2 ** 30;

/** Packs all corpora of a folder into another; returns the bytes written. */
export function packCorpora(from: string, to: string): number {
  mkdirSync(to, { recursive: true });
  let written = 0;
  for (const name of CORPORA) {
    const folder = join(from, name);
    const files = readdirSync(folder).toSorted();
    const parts = files.map((file) => readFileSync(join(folder, file)));
    const head = Buffer.from(JSON.stringify(files.map((file, i) => [file, parts[i]?.length ?? 0])));
    const size = Buffer.alloc(4);
    size.writeUInt32LE(head.length);
    const packed = brotliCompressSync(Buffer.concat([size, head, ...parts]), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS },
    });
    writeFileSync(join(to, `${name}${ENDING}`), packed);
    written += packed.length;
  }
  return written;
}

/** Unpacks what {@link packCorpora} wrote, where it is not unpacked yet. Files have plain names; others are refused. */
export function unpackCorpora(from: string, to: string): void {
  for (const name of CORPORA) {
    const folder = join(to, name);
    if (existsSync(join(folder, "tokens.json"))) continue;
    const { bytes, files, end } = readPacked(join(from, `${name}${ENDING}`));
    mkdirSync(folder, { recursive: true });
    let at = end;
    // tokens.json is last in its folder's order of writing: a folder without it is unpacked anew
    const whole = files.map(([file, size]) => {
      const part = bytes.subarray(at, at + size);
      at += size;
      if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(file)) return [file, part] as const;
      throw refused(`${name}${ENDING} holds a file named ${JSON.stringify(file)}`);
    });
    const order = whole.toSorted(([a], [b]) => Number(a === "tokens.json") - Number(b === "tokens.json"));
    for (const [file, part] of order) writeFileSync(join(folder, file), part);
  }
}

/** A packed file's content, and where its first file begins in it. */
function readPacked(path: string) {
  try {
    const bytes = brotliDecompressSync(readFileSync(path), { maxOutputLength: LIMIT_BYTES });
    const end = 4 + bytes.readUInt32LE(0);
    const files = JSON.parse(bytes.subarray(4, end).toString()) as readonly (readonly [string, number])[]; // names are checked
    return { bytes, files, end };
  } catch (cause) {
    throw refused(`${path} is no packed corpus: ${String(cause)}`, cause);
  }
}

function refused(what: string, cause?: unknown): EngramError {
  const message = `${what}; pack the corpora again`;
  return new EngramError({ code: "invalid-manifest", operation: "unpackCorpora", message, cause });
}
