// Where ggml's libraries lie: a folder that the user names, or the prebuilt packages @node-llama-cpp/*, whichever of them
// is installed. Only looks; load-library.ts loads.

import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { EngramError } from "@engram-ts/core";

/** The version of the packages that the bindings were written for. */
export const PACKAGE_VERSION = "3.22.1";

/** The version of ggml in those packages. */
export const GGML_VERSION = "0.25.1";

/** A folder with ggml's libraries. */
export interface LibraryFolder {
  readonly folder: string;
  /** Where it comes from: a package's name, or `ENGRAM_GGML_LIB`, or `options.library`. */
  readonly from: string;
  /** File of the base library, and of the one that registers backends. */
  readonly base: string;
  readonly registry: string;
}

/** The packages for this platform, those for graphics processors first. */
export function packageNames(platform = process.platform, arch = process.arch): readonly string[] {
  const scope = "@node-llama-cpp/";
  if (platform === "darwin") return arch === "arm64" ? [`${scope}mac-arm64-metal`] : [`${scope}mac-x64`];
  const system = platform === "win32" ? "win" : platform;
  const plain = `${scope}${system}-${arch}`;
  return arch === "x64" ? [`${plain}-vulkan`, `${plain}-cuda`, plain] : [plain];
}

/** All folders that are there, best first. */
export function installedLibraries(): readonly LibraryFolder[] {
  return packageNames().flatMap((name) => packageLibrary(name) ?? []);
}

/**
 * The folder to load.
 * @param folder the user's own; else the environment's `ENGRAM_GGML_LIB`; else the first installed package.
 * @throws EngramError `missing-dependency` naming what to install, or what the folder lacks.
 */
export function findLibrary(folder?: string): LibraryFolder {
  const named = folder ?? process.env.ENGRAM_GGML_LIB;
  if (named !== undefined && named !== "") {
    const found = libraryIn(named, folder === undefined ? "ENGRAM_GGML_LIB" : "options.library");
    if (found !== undefined) return found;
    throw missing(
      `the folder ${named} has no ggml libraries (libggml-base and libggml); name the folder that holds them`,
    );
  }
  const [best] = installedLibraries();
  if (best !== undefined) return best;
  throw missing(`no ggml library is installed; npm install ${packageNames().at(-1)}@${PACKAGE_VERSION}`);
}

function packageLibrary(name: string): LibraryFolder | undefined {
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
  const bins = join(dirname(entry), "..", "bins");
  if (!existsSync(bins)) return undefined;
  for (const variant of readdirSync(bins)) {
    const found = libraryIn(join(bins, variant), name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function libraryIn(folder: string, from: string): LibraryFolder | undefined {
  const files = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : [];
  const base = files.find((file) => /^(lib)?ggml-base\.(so|dylib|dll)$/.test(file));
  const registry = files.find((file) => /^(lib)?ggml(\.[\w.-]+)?\.(so|dylib|dll)$/.test(file));
  if (base === undefined || registry === undefined) return undefined;
  return { folder, from, base: join(folder, base), registry: join(folder, registry) };
}

function missing(message: string): EngramError {
  return new EngramError({ code: "missing-dependency", operation: "openGgml", message });
}
