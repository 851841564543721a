// Training runs in contestants' processes: an engine of this package (training-server.ts), which reads the text itself, or
// PyTorch, which is given batches and row ids in files, so that its time has no reading, packing and hashing in it.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { learningRateFactor, type TrainingConfigInput, trainingConfig } from "@engram-ts/train";
import { type Peer, type PeerAnswer, startPeer, valuesOf } from "../compute/line-process.js";
import type { OwnRunOptions } from "./own-run.js";
import type { BatchFiles, TrainingFixture } from "./training-fixture.js";
import type { TrainingRun, TrainingWindow } from "./training-run.js";

/** What PyTorch computes in: float32, or float32 weights whose products are bfloat16. */
export type TorchPrecision = "f32" | "autocast";

/** A run in PyTorch. */
export interface TorchRunOptions {
  readonly fixture: Pick<TrainingFixture, "checkpoint" | "tables">;
  readonly config: TrainingConfigInput;
  readonly batches: BatchFiles;
  readonly held: BatchFiles;
  readonly type: TorchPrecision;
  /** Seed of a change of all initial values by a millionth: what rounding alone does to a run. */
  readonly nudge?: number;
}

/** Starts PyTorch; Python is $ENGRAM_TORCH_PYTHON, $ENGRAM_PYTHON or python3. Undefined, and a line, without one. */
export function startTorchTraining(device: "cpu" | "cuda", threads?: number): Promise<Peer | undefined> {
  const python = process.env.ENGRAM_TORCH_PYTHON ?? process.env.ENGRAM_PYTHON ?? "python3";
  const args = [script(), "--device", device, ...(threads === undefined ? [] : ["--threads", String(threads)])];
  return startPeer("PyTorch", { program: python, args });
}

/** Opens a run on an engine. */
export async function openEngineRun(peer: Peer, run: string, options: OwnRunOptions): Promise<TrainingRun> {
  await peer.ask({ do: "open", run, options });
  return peerRun(peer, run, {});
}

/** Opens a run in PyTorch. */
export async function openTorchRun(peer: Peer, run: string, options: TorchRunOptions): Promise<TrainingRun> {
  const { fixture, batches, held, type, nudge } = options;
  const { checkpoint, tables } = fixture;
  const config = trainingConfig(options.config);
  const rates = Array.from({ length: config.steps }, (_, step) =>
    learningRateFactor(config.schedule, step, config.steps),
  );
  const own = { checkpoint, tables, batches, config, rates, type, ...(nudge !== undefined && { nudge }) };
  await peer.ask({ do: "open", run, ...own });
  return peerRun(peer, run, { batches: held });
}

function peerRun(peer: Peer, run: string, held: object): TrainingRun {
  return {
    // what both programs answer to this request
    steps: async (count) => (await peer.ask({ do: "steps", run, count })) as PeerAnswer & TrainingWindow,
    async evaluate() {
      const { loss } = (await peer.ask({ do: "evaluate", run, ...held })) as PeerAnswer & { loss?: number }; // likewise
      return loss ?? Number.NaN;
    },
    values: async (name) => valuesOf(await peer.ask({ do: "values", run, name })),
    async close() {
      if (peer.alive) await peer.ask({ do: "close", run });
    },
  };
}

/** Beside this file where all is bundled, in the repository otherwise. */
function script(): string {
  const beside = fileURLToPath(new URL("engram_torch_train.py", import.meta.url));
  if (existsSync(beside)) return beside;
  return fileURLToPath(new URL("../../../../tools/peers/engram_torch_train.py", import.meta.url));
}
