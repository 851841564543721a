// A process that takes part in cells about whole commands: each call removes what the command leaves, runs it, and is timed
// from its start to its end. Between calls nothing of it stays. Where what it leaves is a file of numbers, it can be compared.
//   command-contestant.js '{"command":["cp","-r","/a","/b"],"target":"/b","afterwards":["sync","-f","/b"]}'

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseRequest } from "./request.js";
import { checksum } from "./table-words.js";

/** What the process is told. */
export interface CommandContestantOptions {
  readonly command: readonly string[];
  /** Removed before and after each run. */
  readonly target: string;
  /** Part of what is timed. */
  readonly afterwards?: readonly string[];
  /** The target is a file of 32-bit numbers, whose checksum is answered. */
  readonly compared?: boolean;
}

const { command, target, afterwards, compared } = JSON.parse(process.argv[2] ?? "{}") as CommandContestantOptions; // by the harness
const run = ([program = "", ...args]: readonly string[]) =>
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
const remove = () => rmSync(target, { recursive: true, force: true });

console.log(JSON.stringify({ ready: true, version: command.slice(0, 2).join(" ").replace(/^.*\//, "") }));
for await (const line of createInterface({ input: process.stdin })) {
  const { calls, check } = parseRequest(line);
  let ns = 0;
  for (let call = 0; call < calls; call++) {
    remove();
    const start = process.hrtime.bigint();
    run(command);
    if (afterwards !== undefined) run(afterwards);
    ns += Number(process.hrtime.bigint() - start);
  }
  const sum = compared && check === 1 ? { checksum: checksum(Uint8Array.from(readFileSync(target))) } : {};
  remove();
  console.log(JSON.stringify({ ns, ...sum }));
}
