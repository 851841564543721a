// What losses of PyTorch's runs differ by that should be equal: two runs whose initial values are off by a millionth each,
// which is as far as rounding takes single steps of two engines apart, and a run that reads the text in another order, which is
// what chance does to the held-out loss.

import { type LossCurve, type LossDistance, lossDistance } from "./loss-agreement.js";
import { recordedRun } from "./recorded-run.js";
import type { RunSetting, TrainingContestant } from "./training-contestants.js";

/** Distances from PyTorch in float32. */
export interface TrainingNoise {
  /** One for each run. */
  readonly rounding: readonly LossDistance[];
  /** Of the held-out loss alone: the batches are others. */
  readonly order: number;
  /** PyTorch with products in bfloat16, where it runs: what fewer bits do. */
  readonly autocast?: LossDistance;
}

const NUDGE_SEEDS = [1, 2];
const OTHER_ORDER = 2;

/** Runs PyTorch three times more. */
export async function trainingNoise(
  torch: TrainingContestant,
  setting: RunSetting,
  expected: LossCurve,
  autocast: LossCurve | undefined,
): Promise<TrainingNoise> {
  const { steps } = setting.config;
  const curveOf = async (name: string, own: RunSetting): Promise<LossCurve> => {
    const run = recordedRun(name, torch.open(name, own));
    await run.take(steps);
    const curve = await run.curve();
    await run.close();
    return curve;
  };
  const rounding: LossDistance[] = [];
  for (const nudge of NUDGE_SEEDS)
    rounding.push(lossDistance(await curveOf("nudged", { ...setting, nudge }), expected));
  const reordered = await curveOf("reordered", { ...setting, dataSeed: OTHER_ORDER });
  return {
    rounding,
    order: reordered.held - expected.held,
    ...(autocast !== undefined && { autocast: lossDistance(autocast, expected) }),
  };
}
