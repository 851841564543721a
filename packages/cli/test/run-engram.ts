// Runs the built command as a user does, in a process of its own. `npm test` builds first.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../bin/engram.js", import.meta.url));

/** The root of the checkout, where the examples lie. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** What a run of the command left. */
export interface EngramRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `engram` with arguments in the checkout's root. */
export function runEngram(...args: string[]): Promise<EngramRun> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: root, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
