// `engram eval`: how well a trained run predicts its held-out text, with its tables in memory or on any tier, and without
// what they learned.

import { Command } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { openByUri } from "../drivers.js";
import { type EngineCommandOptions, openEngine, withEngineOptions } from "../engine-choice.js";
import { withInterrupt } from "../table-copy-interrupt.js";
import { evaluateRun } from "./train-loop.js";
import { openTrainRun } from "./train-run.js";

interface EvalCommandOptions extends EngineCommandOptions {
  run: string;
  tables?: string;
  json?: boolean;
}

/** The command `eval`. */
export function evalCommand(): Command {
  const command = new Command("eval")
    .description("Held-out loss, perplexity and bits per byte of a run that engram train made.")
    .requiredOption("--run <folder>", "the run")
    .option("--tables <uri>", "reads the rows there instead of in memory: lmdb:./t, s3://bucket/t");
  return withEngineOptions(command, "auto")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  engram eval --run run\n  engram eval --run run --tables lmdb:./tables")
    .action((options: EvalCommandOptions) =>
      withInterrupt((signal) => runEval(options, signal), "an evaluation keeps nothing; run it again"),
    );
}

async function runEval({ run: folder, tables, json = false, ...engine }: EvalCommandOptions, signal: AbortSignal) {
  const { backend } = await openEngine(engine, "engram eval");
  try {
    const run = await openTrainRun(folder, backend);
    const opened = tables === undefined ? undefined : await openByUri(tables, { signal });
    try {
      const evaluation = await evaluateRun(run, { signal, ...(opened && { tables: opened.tables }) });
      const { loss, perplexity, bitsPerByte, targets, bytes } = evaluation;
      const result = { run: folder, step: run.trainer.step, ...(tables !== undefined && { tables }), ...evaluation };
      await writeResult(json, result, () =>
        [
          `${folder} after step ${run.trainer.step}, on ${groupDigits(targets)} tokens held out (${groupDigits(bytes)} bytes)`,
          `loss ${loss.toFixed(4)}  perplexity ${perplexity.toFixed(2)}  bits per byte ${bitsPerByte.toFixed(4)}`,
        ].join("\n"),
      );
    } finally {
      await opened?.close();
      await run.close();
    }
  } finally {
    await backend.close();
  }
}
