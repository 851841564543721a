// The command line: which commands there are, their options and their help. What each does is in commands/.

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { copyCommand } from "./commands/copy.js";
import { doctorCommand } from "./commands/doctor.js";
import { evalCommand } from "./commands/eval.js";
import { explainCommand } from "./commands/explain.js";
import { fillCommand } from "./commands/fill.js";
import { generateCommand } from "./commands/generate.js";
import { idsCommand } from "./commands/ids.js";
import { importCommand } from "./commands/import.js";
import { inspectCommand } from "./commands/inspect.js";
import { makeFixtureCommand } from "./commands/make-fixture.js";
import { planCommand } from "./commands/plan.js";
import { tokensCommand } from "./commands/tokens.js";
import { trainCommand } from "./commands/train.js";
import { verifyCommand } from "./commands/verify.js";

/** The program `engram`; it throws CommanderError on wrong use instead of leaving the process. */
export function engramProgram(): Command {
  const program = new Command("engram")
    .description("Conditional memory (Engram) for language models: token maps, row ids, tables.")
    .version(packageVersion(), "--version", "shows the version")
    .showHelpAfterError("(engram --help lists the commands; engram COMMAND --help its options)")
    .exitOverride();
  const commands = [
    tokensCommand(),
    idsCommand(),
    explainCommand(),
    planCommand(),
    trainCommand(),
    evalCommand(),
    generateCommand(),
    makeFixtureCommand(),
    importCommand(),
    inspectCommand(),
    verifyCommand(),
    copyCommand(),
    fillCommand(),
    doctorCommand(),
  ];
  for (const command of commands) {
    program.addCommand(command.exitOverride().copyInheritedSettings(program));
  }
  return program;
}

function packageVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return manifest.version;
}
