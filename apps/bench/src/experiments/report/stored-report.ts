// The report of results that are stored: for programs that show it elsewhere, such as a README.

import { EXPERIMENTS } from "../all-experiments.js";
import { learningRate } from "../learning-rate.js";
import { readResults } from "../running/results-file.js";
import { type ExperimentFiles, experimentFiles } from "./report-folder.js";

/**
 * What `engram-bench experiment render` writes for the results in a folder, without writing it.
 * @param folder with `cells.jsonl`.
 * @throws EngramError as `render` does.
 */
export function storedExperimentReport(folder: string): ExperimentFiles {
  return experimentFiles([learningRate, ...EXPERIMENTS], [...readResults(folder).values()]);
}
