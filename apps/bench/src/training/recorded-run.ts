// A run in a comparison, and all that it said: its losses over all windows, and where the time of its steps went.

import type { LossCurve } from "./loss-agreement.js";
import type { TrainingRun, TrainingWindow } from "./training-run.js";

/** A run under way. */
export interface RecordedRun {
  readonly name: string;
  /** Takes steps; the nanoseconds of all of them. */
  take(steps: number): Promise<number>;
  /** Evaluates; the run's losses and the held-out one. */
  curve(): Promise<LossCurve>;
  /** See {@link StepPhases}. */
  phases(): StepPhases;
  close(): Promise<void>;
}

/** A step's mean time by phase. */
export interface StepPhases {
  readonly name: string;
  /** Milliseconds of a step. */
  readonly stepMs: number;
  /** Parts of that, by phase. `hidden` is inside `graph`. */
  readonly shares: Readonly<Record<string, number>>;
  /** The part of the row path: reading rows, uploading them, changing them. Left out of PyTorch's, which has other phases. */
  readonly rowPath?: number;
  /** The part that is not the graph. */
  readonly outsideGraph?: number;
}

const ROW_PATH = ["rows", "upload", "rowUpdate"] as const;

/** Records a run that is opening; it throws in `take` where that fails. The first window is left out of the phases. */
export function recordedRun(name: string, opening: Promise<TrainingRun>): RecordedRun {
  opening.catch(() => undefined); // told by take
  const windows: (TrainingWindow & { readonly steps: number })[] = [];
  return {
    name,
    async take(steps) {
      const run = await opening;
      const window = await run.steps(steps);
      windows.push({ ...window, steps });
      return window.ns;
    },
    async curve() {
      const run = await opening;
      return { name, losses: windows.flatMap(({ losses }) => losses), held: await run.evaluate() };
    },
    phases() {
      const counted = windows.slice(1);
      const steps = counted.reduce((sum, window) => sum + window.steps, 0);
      const stepMs = counted.reduce((sum, { ns }) => sum + ns / 1e6, 0) / steps;
      const shares: Record<string, number> = {};
      for (const { seconds } of counted) {
        for (const [phase, taken] of Object.entries(seconds)) {
          if (phase !== "total") shares[phase] = (shares[phase] ?? 0) + (taken * 1e3) / (steps * stepMs);
        }
      }
      if (shares.graph === undefined) return { name, stepMs, shares };
      const rowPath = ROW_PATH.reduce((sum, phase) => sum + (shares[phase] ?? 0), 0);
      return { name, stepMs, shares, rowPath, outsideGraph: 1 - shares.graph };
    },
    async close() {
      await (await opening).close();
    },
  };
}
