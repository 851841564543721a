// Who trains in a comparison: an engine in its process, or PyTorch in a precision, all of whose runs share one process. A run
// is opened from the same files, text and settings whoever takes it.

import type { TrainingConfigInput } from "@engram-ts/train";
import type { Peer } from "../compute/line-process.js";
import { openEngineRun, openTorchRun, type TorchPrecision } from "./peer-training.js";
import type { TrainingFixture } from "./training-fixture.js";
import type { BatchSize, TrainingRun } from "./training-run.js";

/** What a run is, whoever takes it. */
export interface RunSetting {
  readonly fixture: TrainingFixture;
  /** Folder of the text. */
  readonly text: string;
  readonly size: BatchSize;
  readonly config: TrainingConfigInput;
  readonly heldTokens: number;
  /** Of the order of the text. */
  readonly dataSeed: number;
  /** Seed of a change of every initial value by a millionth; PyTorch only. */
  readonly nudge?: number;
}

/** A trainer. */
export interface TrainingContestant {
  readonly name: string;
  /** Where it is PyTorch: its precision. */
  readonly torch?: TorchPrecision;
  /** Whether it multiplies in fewer bits than float32 has. */
  readonly rounded: boolean;
  open(run: string, setting: RunSetting): Promise<TrainingRun>;
}

/** What an engine's process is told to open. */
export function ownRunOptions({ fixture, text, size, config, heldTokens, dataSeed }: RunSetting) {
  return { text, checkpoint: fixture.checkpoint, size, config, heldTokens, dataSeed };
}

/** An engine. */
export function engineContestant(peer: Peer): TrainingContestant {
  const { name } = peer;
  return {
    name,
    rounded: /precision=fast/.test(name),
    open: (run, setting) => openEngineRun(peer, run, ownRunOptions(setting)),
  };
}

/** PyTorch. */
export function torchContestant(peer: Peer, torch: TorchPrecision): TrainingContestant {
  return {
    name: `PyTorch ${torch}`,
    torch,
    rounded: torch !== "f32",
    async open(run, { fixture, config, heldTokens, dataSeed, nudge }) {
      const batches = await fixture.batches(dataSeed, config.steps);
      const held = await fixture.held(heldTokens);
      const extra = nudge === undefined ? {} : { nudge };
      return openTorchRun(peer, run, { fixture, config, batches, held, type: torch, ...extra });
    },
  };
}
