// Versions of the packages whose code is measured, as installed.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const MEASURED = [
  "@engram-ts/core",
  "@engram-ts/store-file",
  "@engram-ts/store-lmdb",
  "lmdb",
  "@aws-sdk/client-s3",
  "koffi",
];

/** Version by package; those that are not installed are left out. */
export function packageVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  return Object.fromEntries(
    MEASURED.flatMap((name) => {
      try {
        return [[name, versionOf(name, dirname(require.resolve(name)))]];
      } catch {
        return [];
      }
    }),
  );
}

/** The manifest is above the entry, at the first folder that has one of this name. */
function versionOf(name: string, folder: string): string {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    try {
      const manifest = JSON.parse(readFileSync(join(at, "package.json"), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (manifest.name === name) return manifest.version ?? "";
    } catch {
      // not here
    }
  }
  return "";
}
