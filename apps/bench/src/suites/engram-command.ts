// Where the command `engram` lies, as installed beside this package: some cells run it whole.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The program's path. */
export function engramCommand(): string {
  return join(dirname(createRequire(import.meta.url).resolve("@engram-ts/cli")), "../bin/engram.js");
}
