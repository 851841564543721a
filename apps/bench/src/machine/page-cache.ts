// The system's cache of files: asked to forget a file, made to hold it, and asked how much of it it holds. By programs that
// Linux systems have (dd, fincore), so that nothing has to be compiled; where they are missing, cold cells are left out.

import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";

/**
 * Asks the system to forget files. Pages that a living process has mapped stay.
 * @returns the share of their bytes still held, or undefined where the system does not say.
 */
export function dropFiles(paths: readonly string[]): number | undefined {
  for (const path of paths) {
    // writes nothing: count=0 and notrunc; nocache is POSIX_FADV_DONTNEED for the whole file
    const { status } = run("dd", ["if=/dev/null", `of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
    if (status !== 0) return undefined;
  }
  return residentShare(paths);
}

/** Whether this system can be asked to forget files, and says whether it has. */
export function canDropFiles(): boolean {
  return (
    process.platform === "linux" && run("dd", ["--version"]).status === 0 && run("fincore", ["--version"]).status === 0
  );
}

/** The share of files' bytes that the system's cache holds, 0 to 1. */
export function residentShare(paths: readonly string[]): number | undefined {
  const { status, stdout } = run("fincore", ["--bytes", "--noheadings", "--raw", "--output", "RES,SIZE", ...paths]);
  if (status !== 0) return undefined;
  let [held, size] = [0, 0];
  for (const line of stdout.trim().split("\n")) {
    const [some = 0, all = 0] = line.split(" ").map(Number);
    held += some;
    size += all;
  }
  return size === 0 ? 0 : Math.min(1, held / size); // held in whole pages
}

/** Reads files once, so that the system holds them. */
export function readFiles(paths: readonly string[]): void {
  const block = new Uint8Array(2 ** 22);
  for (const path of paths) {
    const file = openSync(path, "r");
    try {
      while (readSync(file, block) > 0);
    } finally {
      closeSync(file);
    }
  }
}

function run(program: string, args: readonly string[]) {
  return spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
