// A process that trains cells, one after the other, on one engine: told over its channel what to train, it answers with steps
// and results. It ends when the channel does. What ends it, such as an abort inside a native library, loses one cell.

import { once } from "node:events";
import { type Backend, EngramError } from "@engram-ts/core";
import { openEngine } from "../../compute/compute-engines.js";
import { experimentCorpora } from "./experiment-corpora.js";
import { measurePace } from "./measure-pace.js";
import { type CellBench, trainCell } from "./train-cell.js";
import type { WorkerAnswer, WorkerRequest } from "./worker-messages.js";

/** Steps between two answers that say how far a cell is. */
const TOLD_STEPS = 10;

/** Serves until the channel closes. */
export async function serveCells(engine: string, corporaFolder: string): Promise<void> {
  if (process.send === undefined) {
    const message = "this is the process of a worker, which engram-bench experiment starts by itself";
    throw new EngramError({ code: "invalid-argument", operation: "engram-bench experiment work", message });
  }
  const tell = (answer: WorkerAnswer) => void process.send?.(answer);
  const backend = await openEngine(engine);
  const bench: CellBench<unknown> = { backend, corpora: await experimentCorpora(corporaFolder) };
  let start = (): void => undefined;
  process.on("message", (request: WorkerRequest) => {
    if (request.do === "go") return start();
    void answer(request).catch((error: unknown) => {
      tell({ is: "failed", message: error instanceof Error ? error.message : String(error) });
    });
  });
  const answer = async (request: Exclude<WorkerRequest, { do: "go" }>): Promise<void> => {
    const { cell } = request;
    if (request.do === "train") {
      const told = (step: number) => step % TOLD_STEPS === 0 && tell({ is: "step", step });
      return tell({ is: "result", result: await trainCell(bench, cell, told) });
    }
    const ready = () =>
      new Promise<void>((resolve) => {
        start = resolve;
        tell({ is: "warm" });
      });
    const pace = await measurePace(bench, cell, { seconds: request.seconds, ready });
    tell({ is: "pace", pace });
  };
  tell({ is: "open", device: deviceOf(backend) });
  await once(process, "disconnect");
  process.exit(0); // a cell under way is of no use to anybody now
}

/** What the backend says of where it computes. */
function deviceOf(backend: Backend<unknown>): string {
  const { device } = backend as { readonly device?: { readonly name?: string; readonly description?: string } }; // ggml's has it
  return device?.description ?? device?.name ?? backend.name;
}
