// The experiments in the order of reports.

import { ablations } from "./ablations.js";
import { allocation } from "./allocation.js";
import { comparison } from "./comparison.js";
import type { Experiment } from "./experiment.js";
import { mechanism } from "./mechanism.js";
import { memoryScaling } from "./memory-scaling.js";
import { recall } from "./recall.js";

/** All experiments. */
export const EXPERIMENTS: readonly Experiment[] = [allocation, comparison, memoryScaling, ablations, recall, mechanism];
