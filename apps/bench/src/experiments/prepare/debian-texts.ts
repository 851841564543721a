// Debian's documentation and sources as texts: packages are downloaded by apt-get and unpacked, nothing of them is run or
// installed. Which files of them are prose and which are code is said here. Not here: tokens.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EngramError } from "@engram-ts/core";
import { type TextSource, textFolder } from "@engram-ts/train";

/** A package and which of its files are read. */
interface DebianText {
  readonly name: string;
  readonly extensions: readonly string[];
}

const rst = [".rst", ".txt"];
const PROSE: readonly DebianText[] = [
  { name: "perl-doc", extensions: [".pod"] },
  { name: "python3.11-doc", extensions: [".txt"] },
  { name: "git-doc", extensions: [".txt"] },
  { name: "vim-runtime", extensions: [".txt"] },
  { name: "linux-doc-6.1", extensions: rst },
  { name: "cmake-doc", extensions: rst },
  { name: "rsyslog-doc", extensions: rst },
  { name: "debian-policy", extensions: rst },
  { name: "developers-reference", extensions: rst },
];
const CODE: readonly DebianText[] = [
  { name: "libpython3.11-stdlib", extensions: [".py"] },
  { name: "python3-django", extensions: [".py"] },
  { name: "python3-sympy", extensions: [".py"] },
  { name: "perl-modules-5.36", extensions: [".pm"] },
];

/** Debian's texts of a kind. @param cache where packages are kept, downloaded where they are missing. */
export function debianTexts(kind: "prose" | "code", cache: string): readonly TextSource[] {
  return (kind === "prose" ? PROSE : CODE).map(({ name, extensions }) =>
    textFolder(unpacked(name, cache), { name, extensions }),
  );
}

/** The folder of an unpacked package. */
function unpacked(name: string, cache: string): string {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  try {
    execFileSync("apt-get", ["download", name], { cwd: partial, stdio: ["ignore", "ignore", "pipe"] });
    const file = readdirSync(partial).find((one) => one.endsWith(".deb"));
    execFileSync("dpkg-deb", ["-x", join(partial, file ?? ""), join(partial, "files")], { stdio: "pipe" });
  } catch (cause) {
    throw new EngramError({
      code: "missing-dependency",
      operation: "engram-bench experiment prepare",
      message: `Debian's package ${name} cannot be downloaded and unpacked; run apt-get update on Debian 12, or prepare with --texts npm: ${String(cause)}`,
      context: { name },
      cause,
    });
  }
  renameSync(partial, folder);
  return folder;
}
