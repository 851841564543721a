// How commands write their results: one JSON object where --json was given, else text for people. Results go to
// standard output, progress and errors to standard error.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Writes `value` as one line of JSON (bigints as decimal strings), or `text()`. */
export async function writeResult(asJson: boolean, value: unknown, text: () => string): Promise<void> {
  const written = asJson
    ? JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? item.toString() : item))
    : text();
  await writePieces([`${written}\n`]);
}

/** Writes pieces of text in order, waiting where the reader is slow, so that results of any size take little memory. */
export async function writePieces(pieces: Iterable<string> | AsyncIterable<string>): Promise<void> {
  await pipeline(Readable.from(pieces, { objectMode: true }), process.stdout, { end: false });
}

/** A number with thousands separators, as all our tables write it. */
export function groupDigits(value: number): string {
  return value.toLocaleString("en-US");
}
