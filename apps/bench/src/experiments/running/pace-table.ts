// How many processes an engine is worth: the same cell trained by 1, 2, 4 ... processes at once for some seconds each, tokens
// a second of all together. Processes start to count at the same moment. Not here: what one process does (measure-pace.ts).

import type { Cell } from "../cell.js";
import type { Pace } from "./measure-pace.js";
import { startWorker, type WorkerCommand } from "./worker-process.js";

/** One line of the table. */
export interface PaceLine {
  /** As `--workers` takes them. */
  readonly workers: string;
  readonly processes: number;
  readonly tokensPerSecond: number;
  /** Of each process. */
  readonly each: readonly number[];
  /** Milliseconds of a step of the first process, by phase. */
  readonly stepMs: Readonly<Record<string, number>>;
}

/** Measures engines that work at once. */
export async function measureWorkers(
  workers: string,
  engines: readonly string[],
  { cell, seconds, ...command }: WorkerCommand & { readonly cell: Cell; readonly seconds: number },
): Promise<PaceLine> {
  const started = await Promise.all(engines.map((engine) => startWorker(engine, command)));
  try {
    let warm = 0;
    const asked = started.map((worker) =>
      worker.ask({ do: "pace", cell, seconds }, "pace", ({ is }) => {
        if (is !== "warm" || ++warm < started.length) return;
        for (const each of started) each.send({ do: "go" });
      }),
    );
    const paces: readonly Pace[] = (await Promise.all(asked)).map(({ pace }) => pace);
    const each = paces.map(({ tokens, seconds: spent }) => tokens / spent);
    return {
      workers,
      processes: engines.length,
      tokensPerSecond: each.reduce((sum, one) => sum + one, 0),
      each,
      stepMs: paces[0]?.stepMs ?? {},
    };
  } finally {
    for (const worker of started) worker.close();
  }
}
