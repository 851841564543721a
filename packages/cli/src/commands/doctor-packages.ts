// The packages with native or heavy parts that stores and engines use: whether each is there, its version, whether it
// loads, and what is lost without it. They are loaded as the package that needs them would.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One package. */
export interface PackageReport {
  readonly name: string;
  readonly state: "loads" | "missing" | "broken";
  readonly version?: string;
  /** What it is for. */
  readonly gives: string;
  readonly problem?: string;
  /** How to get it. */
  readonly mend?: string;
}

const PACKAGES = [
  { name: "koffi", from: "@engram-ts/store-file", gives: "mapped files, huge pages, the engine ggml" },
  { name: "lmdb", from: "@engram-ts/store-lmdb", gives: "tables in LMDB (lmdb:)" },
  { name: "@aws-sdk/client-s3", from: "@engram-ts/store-s3", gives: "tables in object stores (s3:)" },
] as const;

/** Looks for all of them, and loads them. */
export function packageReports(): Promise<PackageReport[]> {
  return Promise.all(PACKAGES.map(packageReport));
}

async function packageReport({ name, from, gives }: (typeof PACKAGES)[number]): Promise<PackageReport> {
  const mend = `npm install ${name}`;
  let entry: string;
  try {
    entry = createRequire(ownEntry(from)).resolve(name);
  } catch (error) {
    return { name, state: "missing", gives, problem: messageOf(error), mend };
  }
  const version = versionOf(entry, name);
  const known = { name, gives, ...(version !== undefined && { version }) };
  if (name === "@aws-sdk/client-s3") process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  try {
    await import(pathToFileURL(entry).href);
    return { ...known, state: "loads" };
  } catch (error) {
    return { ...known, state: "broken", problem: messageOf(error), mend };
  }
}

/** The entry of the package that needs it: where its own dependencies are looked for. */
function ownEntry(name: string): string {
  try {
    return fileURLToPath(import.meta.resolve(name));
  } catch {
    return fileURLToPath(import.meta.url);
  }
}

/** The version in the package's manifest, above its entry. */
function versionOf(entry: string, name: string): string | undefined {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (typeof manifest !== "object" || manifest === null || !("name" in manifest) || manifest.name !== name)
        continue;
      return "version" in manifest ? String(manifest.version) : undefined;
    } catch {
      // no manifest here; look further up
    }
  }
  return undefined;
}

function messageOf(error: unknown): string {
  const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return first;
}
