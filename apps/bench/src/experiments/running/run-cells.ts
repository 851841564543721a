// Runs the cells that have no valid result yet on some workers at once: each takes the next cell when it is done with one, and
// every result is stored at once. No cell is started or kept that would not end in time by its worker's own pace. Not here:
// what a cell is made of.

import { cpus } from "node:os";
import { EngramError, isEngramError } from "@engram-ts/core";
import { type Cell, type CellResult, cellDigest } from "../cell.js";
import { appendResult, readResults } from "./results-file.js";
import { type CellWorker, startWorker, type WorkerCommand } from "./worker-process.js";

/** How cells are run. */
export interface RunCellsOptions extends WorkerCommand {
  /** Where results are stored. */
  readonly folder: string;
  /** One process each. */
  readonly engines: readonly string[];
  /** Until when all has to be done; in milliseconds of `performance.now()`. */
  readonly deadline?: number;
  readonly commit: string;
  /** Told what happens, a line each. */
  readonly report?: (line: string) => void;
}

/** What a run did. */
export interface CellsRun {
  /** Cells with a valid result, of before and of now. */
  readonly results: readonly CellResult[];
  readonly ran: number;
  /** Cells that are left, because time ran out or they failed. */
  readonly left: readonly Cell[];
  /** Messages of cells that failed, by id. */
  readonly failed: ReadonlyMap<string, string>;
}

/** A cell that ends its process is tried once more, in another one. */
const MOST_TRIES = 2;
/** Of a cell's time, for held-out loss and probes, where nothing was measured yet. */
const AFTER_TRAINING = 1.15;

/** Runs what is to be run. @param digests of the texts of cells, by id. */
export async function runCells(
  cells: readonly Cell[],
  textDigest: (cell: Cell) => Promise<string>,
  options: RunCellsOptions,
): Promise<CellsRun> {
  const { folder, engines, deadline = Number.POSITIVE_INFINITY, commit, report = () => undefined } = options;
  const digests = new Map<string, string>();
  for (const cell of cells) digests.set(cell.id, cellDigest(cell, await textDigest(cell)));
  const stored = readResults(folder);
  const valid = new Map<string, CellResult>();
  for (const { id } of cells) {
    const found = stored.get(id);
    if (found !== undefined && found.digest === digests.get(id)) valid.set(id, found);
  }
  const queue = cells.filter(({ id }) => !valid.has(id));
  report(`${cells.length} cells: ${valid.size} are there, ${queue.length} to run on ${engines.length} processes`);
  const tries = new Map<string, number>();
  const failed = new Map<string, string>();
  let ran = 0;
  const machine = { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length };

  /** True where the worker's process ended before its work did. */
  const serve = async (worker: CellWorker): Promise<boolean> => {
    let secondsPerToken = 0; // of whole cells, probes and all
    while (worker.alive) {
      const left = (deadline - performance.now()) / 1000;
      const place = queue.findIndex((cell) => secondsPerToken * cellTokens(cell) < left);
      const cell = left > 0 ? queue[place] : undefined;
      if (cell === undefined) return false;
      queue.splice(place, 1);
      try {
        const result = await train(worker, cell, deadline);
        if (result === undefined) {
          queue.unshift(cell);
          return false;
        }
        secondsPerToken = result.seconds / result.tokens;
        const digest = digests.get(cell.id) ?? "";
        const { engine, device } = worker;
        const whole: CellResult = { ...result, digest, engine, machine: { ...machine, device }, commit };
        appendResult(folder, whole);
        valid.set(cell.id, whole);
        failed.delete(cell.id);
        ran++;
        const loss = whole.heldOut.loss.toFixed(4);
        report(
          `${valid.size}/${cells.length} ${cell.id}: held-out loss ${loss}, ${whole.seconds.toFixed(1)} s, ${Math.round(whole.tokensPerSecond)} tokens/s on ${engine}`,
        );
      } catch (error) {
        if (!isEngramError(error)) throw error;
        failed.set(cell.id, error.message);
        report(`${cell.id}: ${error.message}`);
        const tried = (tries.get(cell.id) ?? 0) + 1;
        tries.set(cell.id, tried);
        if (!worker.alive && tried < MOST_TRIES) queue.unshift(cell);
      }
    }
    return true;
  };

  const work = async (engine: string): Promise<void> => {
    // a process that a cell ended is followed by another
    while (queue.length > 0 && performance.now() < deadline) {
      const worker = await startWorker(engine, options);
      const again = await serve(worker).finally(() => worker.close());
      if (!again) return;
    }
  };
  const ends = await Promise.allSettled(queue.length === 0 ? [] : engines.map(work));
  for (const end of ends) {
    if (end.status === "fulfilled") continue;
    if (!isEngramError(end.reason) || ends.every(({ status }) => status === "rejected")) throw end.reason;
    report(`left out: ${end.reason.message}`);
  }
  const left = cells.filter(({ id }) => !valid.has(id));
  return { results: cells.flatMap(({ id }) => valid.get(id) ?? []), ran, left, failed };
}

/** Trains a cell on a worker; undefined, and the worker ended, where it would not end in time. */
async function train(worker: CellWorker, cell: Cell, deadline: number) {
  let firstTold: readonly [step: number, at: number] | undefined;
  let late = false;
  const giveUp = () => {
    late = true;
    worker.close();
  };
  const timer = Number.isFinite(deadline) ? setTimeout(giveUp, Math.max(0, deadline - performance.now())) : undefined;
  try {
    const { result } = await worker.ask({ do: "train", cell }, "result", (answer) => {
      if (answer.is !== "step") return;
      const now = performance.now();
      if (firstTold === undefined) {
        firstTold = [answer.step, now];
        return;
      }
      const [step, at] = firstTold;
      const ofStep = (now - at) / (answer.step - step);
      if (now + ofStep * (cell.config.steps - answer.step) * AFTER_TRAINING > deadline) giveUp();
    });
    return result;
  } catch (error) {
    if (late) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function cellTokens({ batch, config }: Cell): number {
  return batch.rows * batch.length * config.steps * (config.accumulation ?? 1);
}

/** `4x ENGINE; 2x ENGINE`, or just engines: one name a process. @throws EngramError `invalid-argument`. */
export function workerEngines(text: string): readonly string[] {
  return text.split(";").flatMap((part) => {
    const [, count = "1", engine] = /^(?:(\d+)x\s+)?(\S+)$/.exec(part.trim()) ?? [];
    if (engine !== undefined && Number(count) >= 1) return Array.from({ length: Number(count) }, () => engine);
    throw new EngramError({
      code: "invalid-argument",
      operation: "--workers",
      message: `${JSON.stringify(part.trim())} says no processes; write as in "4x ggml:device=Vulkan0; 2x ggml:device=CPU,threads=2"`,
    });
  });
}
