// Which trainers are compared on which models, how much text a step takes and how many steps are taken; on two cores, on a
// host with a GPU, and small, to try the program. Not here: models (training-models.ts).

import type { TrainingConfigInput } from "@engram-ts/train";
import { engineName } from "../compute/compute-engines.js";
import type { TorchPrecision } from "./peer-training.js";
import type { TrainingModelName } from "./training-models.js";
import type { BatchSize } from "./training-run.js";
import type { TrainingTextOptions } from "./training-text.js";

/** One model. */
export interface TrainingPart {
  readonly model: TrainingModelName;
  readonly size: BatchSize;
  /** Rounds that count; one before them warms up. Every contestant takes the same steps in each. */
  readonly rounds: number;
  readonly stepsOfRound: number;
  readonly learningRate: number;
  /** Most tokens of the held-out text that are evaluated. */
  readonly heldTokens: number;
  /** What it takes, by experience: it is left out where less time is left. */
  readonly seconds: number;
}

/** A comparison. */
export interface TrainingPlan {
  readonly name: "cpu" | "gpu" | "tiny";
  readonly torchDevice: "cpu" | "cuda";
  /** Of each contestant, on a CPU. */
  readonly threads?: number;
  readonly engines: readonly string[];
  readonly torch: readonly TorchPrecision[];
  readonly text: TrainingTextOptions;
  readonly parts: readonly TrainingPart[];
}

/** The plans by name. @param device ggml's name of a GPU; its best one where left out. */
export function trainingPlan(name: TrainingPlan["name"], device?: string): TrainingPlan {
  const cpu = { name, torchDevice: "cpu", torch: ["f32"] } as const;
  switch (name) {
    case "tiny":
      return {
        ...{ ...cpu, threads: 1, engines: ["reference", "ggml:device=CPU"] },
        text: { vocabSize: 320, characters: 60_000 },
        parts: [
          {
            ...{ model: "tiny", size: { rows: 2, length: 32 }, rounds: 3, stepsOfRound: 2 },
            ...{ learningRate: 4e-3, heldTokens: 256, seconds: 5 },
          },
        ],
      };
    case "cpu": {
      const size = { rows: 8, length: 128 };
      const [rounds, heldTokens] = [9, 16_384];
      return {
        ...{ ...cpu, threads: 2, engines: ["ggml:device=CPU"] },
        text: { vocabSize: 2_048, characters: 4_000_000 },
        parts: [
          { model: "nano", size, rounds: 15, stepsOfRound: 10, learningRate: 4e-3, heldTokens, seconds: 40 },
          { model: "small", size, rounds, stepsOfRound: 8, learningRate: 4e-3, heldTokens, seconds: 90 },
          {
            model: "6m",
            size: { rows: 4, length: 128 },
            rounds,
            stepsOfRound: 5,
            learningRate: 2e-3,
            heldTokens,
            seconds: 90,
          },
        ],
      };
    }
    case "gpu": {
      const ggml = (options: Readonly<Record<string, string>>) =>
        engineName("ggml", { ...(device !== undefined && { device }), ...options });
      const size = { rows: 8, length: 512 };
      const heldTokens = 32_768;
      return {
        ...{ name, torchDevice: "cuda", engines: [ggml({}), ggml({ precision: "fast" })], torch: ["f32", "autocast"] },
        text: { vocabSize: 8_192, characters: 5_000_000 },
        parts: [
          { model: "6m", size, rounds: 7, stepsOfRound: 10, learningRate: 2e-3, heldTokens, seconds: 30 },
          { model: "120m", size, rounds: 7, stepsOfRound: 2, learningRate: 6e-4, heldTokens, seconds: 40 },
          { model: "30m", size, rounds: 7, stepsOfRound: 4, learningRate: 1e-3, heldTokens, seconds: 25 },
        ],
      };
    }
  }
}

/** Steps of a part's run. */
export function stepsOf({ rounds, stepsOfRound }: TrainingPart): number {
  return (rounds + 1) * stepsOfRound;
}

/** The configuration of a part's run: AdamW for all parameters, sparse Adam for rows, what else is the trainer's default. */
export function configOf(part: TrainingPart): TrainingConfigInput {
  const steps = stepsOf(part);
  const warmupSteps = Math.ceil(steps / 10);
  const schedule = { kind: "cosine", warmupSteps, floor: 0.1 } as const;
  return { steps, learningRate: part.learningRate, matrices: "adamw", schedule };
}
