// The repository as data, for the tests of its shape: its packages, their manifests, their source files and imports.
// Not here: any judgement about them.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

/** The fields of a package.json that the tests look at. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly sideEffects?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly repository?: { readonly type?: string; readonly url?: string; readonly directory?: string };
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly files?: readonly string[];
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Folder names under packages/, sorted. */
export function packageNames(): string[] {
  return foldersOf("packages");
}

/** Folder names of the applications, sorted. */
export function applicationNames(): string[] {
  return foldersOf("apps");
}

/** The manifest in `folder`. */
export function manifestOf(folder: string): Manifest {
  // The tests check every field that they use, so a wrong shape fails there.
  return JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Manifest;
}

/** Paths of the TypeScript sources under `folder`/src, generated ones left out. */
export function sourceFiles(folder: string): string[] {
  return filesUnder(`${folder}/src`).filter((path) => path.endsWith(".ts") && !path.endsWith(".wasm.ts"));
}

/** Paths of all files under `folder`, installed and built ones left out. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !["node_modules", "dist", ".turbo", ".cache"].includes(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]))
    .sort();
}

/** What a source text imports or re-exports: the specifiers, static and dynamic. */
export function importsOf(text: string): string[] {
  // A bare "import" may also stand in a text, as a command's name does: it counts at the start of a line, or called.
  const pattern =
    /(?:^|\n)\s*(?:(?:import|export)\b[^"'`;]*?\bfrom|import)\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? "");
}

/** The text with comments, and the insides of strings, taken out: what is left is code. */
export function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (match) =>
    match.startsWith("/") ? " " : '""',
  );
}

function foldersOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
