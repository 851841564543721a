// The experiments in the order of reports.

import { allocation } from "./allocation.js";
import type { Experiment } from "./experiment.js";

/** All experiments. */
export const EXPERIMENTS: readonly Experiment[] = [allocation];
