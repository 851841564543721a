// The entry of the command: runs the program and turns errors into a message and an exit code.
// Exit codes: 0 done, 1 refused or failed, 2 wrong use of the command line, 3 compare found a regression, 70 a defect.

import { isEngramError } from "@engram-ts/core";
import { CommanderError } from "commander";
import { benchProgram } from "./program.js";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0); // the reader had enough
  throw error;
});

try {
  await benchProgram().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (isEngramError(error)) {
    const { message, code, cause } = error;
    const because =
      cause instanceof Error && !message.includes(cause.message) ? `: ${cause.message.split("\n")[0]}` : "";
    process.stderr.write(`engram-bench: ${message}${because} [${code}]\n`);
    process.exitCode = 1;
  } else {
    const text = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`engram-bench: a defect of this program, please report it:\n${text}\n`);
    process.exitCode = 70;
  }
}
