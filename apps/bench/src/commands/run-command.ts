// The commands that measure: one a suite, and `all`. Prepares what suites need, runs them within the time, writes the
// report, and prints it. Progress goes to standard error, a line a finished cell: what redraws would disturb what is timed.

import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { writeTable } from "../cells/row-table.js";
import { textFile } from "../corpus.js";
import { machineCard } from "../machine-card.js";
import { findRowPeers } from "../peers/row-peers.js";
import { checkContinues, continuedReport } from "../report/continued.js";
import { wantOfTime } from "../report/left-out.js";
import { reportMarkdown } from "../report/markdown.js";
import { duration } from "../report/numbers.js";
import { DEFAULT_PRICES } from "../report/prices.js";
import type { BenchReport, LeftOut } from "../report/report.js";
import { readReport, writeReport } from "../report/report-files.js";
import { SUITES } from "../suites/all-suites.js";
import { type RunBudget, type RunProgress, runSuites } from "../suites/run-suites.js";
import type { Suite, SuiteContext } from "../suites/suite.js";
import { tableShelf } from "../suites/table-shelf.js";
import { type TextKind, textOf } from "../traces/texts.js";
import { type Trace, type TraceTokenizer, textTrace, traceTokenizer } from "../traces/trace.js";
import { readTrace } from "../traces/trace-file.js";
import { sizedAddressing } from "../traces/trace-rows.js";
import { type RunOptions, withRunOptions } from "./run-options.js";
import { packageVersions } from "./versions.js";

/** What `--quick` may take: on a machine that is slow to start things it still ends within two minutes. */
const QUICK_SECONDS = 90;
/** For writing the report. */
const REPORT_SECONDS = 1;
/** How long is waited for a contestant's answer, where the user does not say: an eighth of the time, within these. */
const LIMIT_SECONDS = [15, 120] as const;

/** The commands. */
export function runCommands(): readonly Command[] {
  const all = withRunOptions(new Command("all").description("every suite, or those named, one report")).option(
    "--suites <names>",
    `only these: ${SUITES.map(({ name }) => name).join(",")}`,
    suitesNamed,
    SUITES,
  );
  const commands = SUITES.map((suite) => {
    const command = withRunOptions(new Command(suite.name).description(suite.description));
    return command.action((options: RunOptions) => runAndWrite([suite], options, command));
  });
  return [
    ...commands,
    all.action((options: RunOptions & { suites: readonly Suite[] }) => runAndWrite(options.suites, options, all)),
  ];
}

function suitesNamed(text: string): readonly Suite[] {
  return text.split(",").map((name) => {
    const suite = SUITES.find((one) => one.name === name.trim());
    if (suite !== undefined) return suite;
    throw new InvalidArgumentError(
      `there is no suite ${name}; use some of ${SUITES.map((one) => one.name).join(", ")}.`,
    );
  });
}

async function runAndWrite(suites: readonly Suite[], options: RunOptions, command: Command): Promise<void> {
  const words = [command.name(), ...givenOptions(command)];
  const { report, abandoned } = await measure(suites, options, words, stderrProgress());
  const paths = writeReport(options.out, report);
  process.stdout.write(`${reportMarkdown(report)}\n`);
  process.stderr.write(`written: ${paths.join(", ")}\n`);
  if (abandoned) process.exit(); // a table is still being written that nobody reads
}

/** Runs suites in scratch space of their own and makes the report. */
async function measure(
  suites: readonly Suite[],
  options: RunOptions,
  command: readonly string[],
  progress: RunProgress,
): Promise<{ report: BenchReport; abandoned: boolean }> {
  const start = performance.now();
  const started = new Date().toISOString();
  const folder = mkdtempSync(join(options.folder, "engram-bench-"));
  const remove = () => {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // something that cannot be stopped still writes there; tried again when this process ends
    }
  };
  process.once("exit", remove);
  const interruption = new AbortController();
  const stop = () => {
    if (interruption.signal.aborted) process.exit(130);
    process.stderr.write("\nstopping; what was measured is written. Once more ends at once.\n");
    process.exitCode = 130;
    interruption.abort(new Error("the run was interrupted"));
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    // told now, and not by each cell that needs it
    if (options.s3 !== undefined)
      await writeTable(`${options.s3}/engram-bench-check`, sizedAddressing("engram-demo", 64));
    const peers = findRowPeers(folder);
    const leftOut: LeftOut[] = [...peers.leftOut];
    const traces = new Map<string, Trace>();
    const context = await contextFor(options, { folder, peers, leftOut, traces });
    const machine = machineCard({ folder, versions: { ...packageVersions(), ...peers.versions } });
    const before = options.continue === undefined ? undefined : readReport(options.continue);
    if (before !== undefined) checkContinues(before, { machine, trace: context.trace.card.sha256 });
    const budget = { ...budgetOf(options, start), interrupted: interruption.signal };
    const measured = await runSuites(suites, context, budget, progress, before);
    const report: BenchReport = {
      format: "engram-bench",
      version: 1,
      started,
      seconds: (performance.now() - start) / 1_000,
      command,
      machine,
      traces: [...traces.values()].map(({ card }) => card),
      prices: options.prices ?? DEFAULT_PRICES,
      cells: measured.cells,
      curves: measured.curves,
      leftOut: [...leftOut, ...measured.leftOut],
    };
    return {
      report: before === undefined ? report : continuedReport(before, report),
      abandoned: measured.abandoned,
    };
  } finally {
    process.removeListener("SIGINT", stop).removeListener("SIGTERM", stop);
    remove();
  }
}

interface Found {
  readonly folder: string;
  readonly peers: SuiteContext["peers"];
  readonly leftOut: LeftOut[];
  readonly traces: Map<string, Trace>;
}

async function contextFor(options: RunOptions, { folder, peers, leftOut, traces }: Found): Promise<SuiteContext> {
  const quick = options.quick === true;
  const { tokens = quick ? 16_384 : 65_536 } = options;
  const tokenizer = await traceTokenizer(options.tokenizer);
  const useTrace = (trace: Trace) => {
    traces.set(trace.card.sha256, trace);
  };
  const trace = mainTrace(options, tokenizer, tokens);
  useTrace(trace);
  const { s3 } = options;
  const texts = new Map<string, Trace>();
  return {
    quick,
    folder,
    shelf: tableShelf(folder, s3),
    tokenizer,
    trace,
    uniform: options.uniform === true,
    presets:
      options.preset ??
      (quick ? ["deepseek-v4.1-flash"] : ["deepseek-v4.1-flash", "qwen3.8-flash-next", "engram-demo"]),
    rows: options.rows ?? (quick ? [2 ** 18, 2 ** 15] : [2 ** 20, 2 ** 22]),
    sizesGiven: options.rows !== undefined,
    sequences: options.sequences ?? (quick ? [1, 16] : [1, 4, 16, 64]),
    peers,
    ...(s3 === undefined ? {} : { s3 }),
    stores: options.store ?? [],
    engine: options.engine,
    textTrace(kind: TextKind, limit: number) {
      const key = `${kind}/${limit}`;
      const found = texts.get(key) ?? textTrace(tokenizer, textOf(kind, limit * 8), limit);
      texts.set(key, found);
      return found;
    },
    leaveOut: (what) => leftOut.push(what),
    useTrace,
  };
}

function mainTrace(options: RunOptions, tokenizer: TraceTokenizer, tokens: number): Trace {
  if (options.trace !== undefined) return readTrace(options.trace);
  if (options.text !== undefined) return textTrace(tokenizer, textFile(options.text), tokens);
  return textTrace(tokenizer, textOf("english", tokens * 8), tokens);
}

function budgetOf({ quick, budget, processes, rounds, limit }: RunOptions, start: number): RunBudget {
  const effort = quick
    ? { processes: 2, rounds: 5, roundMs: 10, openLoopMs: 250 }
    : { processes: 5, rounds: 6, roundMs: 40, openLoopMs: 1_500 };
  const seconds = budget ?? (quick ? QUICK_SECONDS : undefined);
  const [least, most] = LIMIT_SECONDS;
  const limitSeconds = limit ?? Math.max(least, Math.min(most, (seconds ?? Number.POSITIVE_INFINITY) / 8));
  return {
    ...(seconds === undefined ? {} : { deadline: start + (seconds - REPORT_SECONDS) * 1_000 }),
    effort: {
      ...effort,
      limitMs: limitSeconds * 1_000,
      ...(processes === undefined ? {} : { processes }),
      ...(rounds === undefined ? {} : { rounds }),
    },
  };
}

/** Options that were given, as words, for the report. */
function givenOptions(command: Command): string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) !== "cli" || ["out", "folder", "continue"].includes(name)) return [];
    const value: unknown = command.getOptionValue(name);
    if (value === true) return [option.long ?? name];
    if (name === "suites") return ["--suites", (value as readonly Suite[]).map((suite) => suite.name).join(",")]; // as parsed
    return [option.long ?? name, typeof value === "object" ? JSON.stringify(value) : String(value)];
  });
}

/** Lines on standard error. */
function stderrProgress(): RunProgress {
  const write = (text: string) => process.stderr.write(`${process.stderr.isTTY ? "\x1b[K" : ""}${text}\n`);
  let short = false;
  if (availableParallelism() < 2) write("note: one processor; contestants and their drivers share it");
  return {
    begin: (place, what) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K[${place}] ${what} ...\r`);
    },
    cell: ({ title, contestants }) =>
      write(`${title}: ${contestants.map(({ name, nsPerUnit }) => `${name} ${duration(nsPerUnit)}`).join(", ")}`),
    curve: ({ title }) => write(title),
    leftOut: (left) => {
      if (!wantOfTime(left)) write(`left out: ${left.what}: ${left.why}`);
      else if (!short && !/interrupted/.test(left.why))
        write("the time does not suffice for all cells; those left out are named in the report");
      short ||= wantOfTime(left);
    },
  };
}
