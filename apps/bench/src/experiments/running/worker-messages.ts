// What the process that runs experiments and those that train cells tell each other, as JSON over the channel that Node
// gives them. Not here: what is done about it (cell-worker.ts, worker-process.ts).

import type { Cell } from "../cell.js";
import type { Pace } from "./measure-pace.js";
import type { TrainedResult } from "./train-cell.js";

/** To a worker. */
export type WorkerRequest =
  | { readonly do: "train"; readonly cell: Cell }
  | { readonly do: "pace"; readonly cell: Cell; readonly seconds: number }
  /** Lets a measurement of the pace begin. */
  | { readonly do: "go" };

/** From a worker. */
export type WorkerAnswer =
  | { readonly is: "open"; readonly device: string }
  | { readonly is: "step"; readonly step: number }
  | { readonly is: "result"; readonly result: TrainedResult }
  | { readonly is: "warm" }
  | { readonly is: "pace"; readonly pace: Pace }
  | { readonly is: "failed"; readonly message: string };
