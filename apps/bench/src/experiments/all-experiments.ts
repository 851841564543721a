// The experiments in the order of reports.

import type { Experiment } from "./experiment.js";

/** All experiments. */
export const EXPERIMENTS: readonly Experiment[] = [];
