// The entry of the command: runs the program and turns errors into a message and an exit code.
// Exit codes: 0 done, 1 refused or failed (an EngramError), 2 wrong use of the command line, 70 a defect of this program.

import { isEngramError } from "@engram-ts/core";
import { CommanderError } from "commander";
import { engramProgram } from "./program.js";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0); // the reader had enough: `engram ids ... | head`
  throw error;
});

const asJson = process.argv.includes("--json");

try {
  await engramProgram().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (isEngramError(error)) {
    const { code, operation, message, retry, context } = error;
    process.stderr.write(
      asJson
        ? `${JSON.stringify({ error: { code, operation, message, retry, context } })}\n`
        : `engram: ${message} [${code}]\n`,
    );
    process.exitCode = 1;
  } else {
    process.stderr.write(
      `engram: a defect of this program, please report it:\n${error instanceof Error ? error.stack : error}\n`,
    );
    process.exitCode = 70;
  }
}
