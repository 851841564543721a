// Token ids as a user writes them: on the command line (`0,5,10`) or in a file, as a JSON array or as numbers
// between commas and white space.

import { EngramError } from "@engram-ts/core";
import { readInputFile } from "./input-file.js";

const FILE_LIMIT_BYTES = 256 * 2 ** 20;

/**
 * Parses a list of whole numbers from 0 to 2^32 - 1.
 * @param option the option it came from, for the message.
 * @throws EngramError `invalid-argument`, naming the first entry that is no such number.
 */
export function parseTokenList(text: string, option: string): Uint32Array {
  const trimmed = text
    .trim()
    .replace(/^\[([\s\S]*)\]$/, "$1")
    .trim();
  if (trimmed === "") return new Uint32Array(0);
  return Uint32Array.from(trimmed.split(/\s*,\s*|\s+/), (entry, index) => {
    const value = /^\d{1,10}$/.test(entry) ? Number(entry) : Number.NaN;
    if (value <= 0xffff_ffff) return value;
    throw new EngramError({
      code: "invalid-argument",
      operation: option,
      message: `entry ${index} is ${JSON.stringify(entry.slice(0, 40))}; write whole numbers from 0 to ${0xffff_ffff}, as in 0,5,10`,
      context: { index, entry: entry.slice(0, 40) },
    });
  });
}

/** Reads {@link parseTokenList}'s format from a file. */
export async function readTokenFile(path: string, option: string): Promise<Uint32Array> {
  const bytes = await readInputFile(path, FILE_LIMIT_BYTES, option);
  return parseTokenList(new TextDecoder().decode(bytes), option);
}
