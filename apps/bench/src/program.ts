// The command line: which commands there are and their help. What each does is in commands/.

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { adviseCommand } from "./commands/advise-command.js";
import { calibrateCommand } from "./commands/calibrate-command.js";
import { compareCommand } from "./commands/compare-command.js";
import { renderCommand, traceCommand } from "./commands/report-commands.js";
import { runCommands } from "./commands/run-command.js";
import { experimentCommand } from "./experiments/experiment-command.js";

/** The command `engram-bench`. */
export function benchProgram(): Command {
  const manifest = new URL("../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string }; // this package's own
  const program = new Command("engram-bench")
    .description("Benchmarks of Engram's storage tiers, addressing, compute and offload; compares reports; advises.")
    .version(version)
    .showHelpAfterError()
    .exitOverride();
  for (const command of [
    ...runCommands(),
    compareCommand(),
    adviseCommand(),
    traceCommand(),
    renderCommand(),
    calibrateCommand(),
    experimentCommand(),
  ]) {
    program.addCommand(command.exitOverride());
  }
  program.addHelpText(
    "after",
    "\nExamples:\n  engram-bench tiers --quick\n  engram-bench all --budget 10m --out report\n  engram-bench compare before after",
  );
  return program;
}
