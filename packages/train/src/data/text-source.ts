// Where texts come from: files, folders, npm packages, or memory. A source names its files in a fixed order and gives their
// bytes; whether they are text, and what becomes of them, is the corpus's matter (corpus.ts). Nothing is downloaded here.
// Uncompressing is bounded by the same limit as reading, so that a small file cannot become a large one.

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { EngramError } from "@engram-ts/core";
import { fileError } from "./file-error.js";

/** One file of a source. */
export interface SourceFile {
  /** Its name within the source, with `/` between folders. */
  readonly name: string;
  /** Its content, uncompressed. */
  readonly bytes: Uint8Array;
  /** Takes its text apart into documents. Default: the text is one document. */
  documents?(text: string): Iterable<string>;
}

/** A file that a source passes over. */
export interface LeftOutFile {
  readonly name: string;
  readonly reason: string;
}

/** Texts of one origin. */
export interface TextSource {
  /** What the manifest calls it. */
  readonly name: string;
  /** Its files, always in the same order; `leaveOut` is told of those passed over. */
  files(leaveOut: (file: LeftOutFile) => void): AsyncIterable<SourceFile> | Iterable<SourceFile>;
}

/** Options of {@link textFiles}. */
export interface TextFilesOptions {
  /** Larger files are refused. Default 256 MiB; compressed ones count as they are uncompressed. */
  readonly maxFileBytes?: number;
}

/** Options of {@link textFolder}. */
export interface TextFolderOptions {
  /** Endings of the files to read, with their dot; a `.gz` after one is uncompressed. Default `.txt`, `.md`. */
  readonly extensions?: readonly string[];
  /** Larger files are left out, and the manifest says so. Default 16 MiB. */
  readonly maxFileBytes?: number;
  /** Names of folders that are not entered. Default `.git` and `node_modules`. */
  readonly ignoredFolders?: readonly string[];
  /** The source's name. Default: the folder's. */
  readonly name?: string;
}

const MIB = 2 ** 20;

/** Texts that are in memory already, each a document. */
export function memoryTexts(name: string, texts: Iterable<string>): TextSource {
  return {
    name,
    *files() {
      let index = 0;
      for (const text of texts) yield { name: String(index++), bytes: Buffer.from(text) };
    },
  };
}

/**
 * Files by their paths; `.gz` is uncompressed.
 * Reading them throws EngramError `not-found`, `permission-denied`, `io`, or `invalid-argument` where one is too large.
 */
export function textFiles(paths: readonly string[], options: TextFilesOptions = {}): TextSource {
  const { maxFileBytes = 256 * MIB } = options;
  return {
    name: paths.length === 1 ? basename(paths[0] ?? "") : `${paths.length} files`,
    async *files() {
      for (const path of paths) {
        const bytes = await readText(path, maxFileBytes, "textFiles");
        if (bytes === undefined) {
          throw new EngramError({
            code: "invalid-argument",
            operation: "textFiles",
            message: `${path} has more than ${maxFileBytes} bytes; raise maxFileBytes or cut it`,
            context: { path, maxFileBytes },
          });
        }
        yield { name: path, bytes };
      }
    },
  };
}

/**
 * The files of a folder and those below it, by name. Symbolic links are not followed.
 * Reading them throws EngramError `not-found`, `permission-denied`, `io`.
 * @example
 * const docs = textFolder("/usr/share/doc", { extensions: [".txt", ".md", "README", "changelog"] });
 */
export function textFolder(folder: string, options: TextFolderOptions = {}): TextSource {
  const { extensions = [".txt", ".md"], maxFileBytes = 16 * MIB, ignoredFolders = [".git", "node_modules"] } = options;
  const endings = extensions.flatMap((extension) => [extension, `${extension}.gz`]);
  return {
    name: options.name ?? basename(folder),
    async *files(leaveOut) {
      for (const name of await fileNames(folder, "", new Set(ignoredFolders))) {
        if (!endings.some((ending) => name.endsWith(ending))) continue;
        const bytes = await readText(join(folder, name), maxFileBytes, "textFolder");
        if (bytes === undefined) leaveOut({ name, reason: `more than ${maxFileBytes} bytes` });
        else yield { name, bytes };
      }
    },
  };
}

async function fileNames(folder: string, below: string, ignored: ReadonlySet<string>): Promise<string[]> {
  const path = join(folder, below);
  const names: string[] = [];
  try {
    const entries = await readdir(path, { withFileTypes: true });
    // By code units: the same order on every machine, whatever its locale.
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const name = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isFile()) names.push(name);
      else if (entry.isDirectory() && !ignored.has(entry.name)) names.push(...(await fileNames(folder, name, ignored)));
    }
  } catch (cause) {
    throw cause instanceof EngramError ? cause : fileError(cause, path, "textFolder");
  }
  return names;
}

const uncompress = promisify(gunzip);

/** A file's bytes, uncompressed; undefined where they are more than allowed. */
async function readText(path: string, limit: number, operation: string): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path);
    if (size > limit) return undefined;
    const bytes = await readFile(path);
    if (!path.endsWith(".gz")) return bytes;
    return await uncompress(bytes, { maxOutputLength: limit });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw fileError(cause, path, operation);
  }
}
