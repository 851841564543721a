// What programs beside the command may use: tokenizers as the command finds and runs them, its text tables, its
// progress on standard error, storage by URI, and runs that are trained.

export { groupDigits } from "./command-output.js";
export { type ExplainedText, explainText } from "./commands/explain-model.js";
export { type TrainedTextOptions, trainedText } from "./commands/generate-trained.js";
export { type ExportedTable, exportTrainTables } from "./commands/train-export.js";
export { evaluateRun, fitSteps, secondsPerStep, type TrainLoopOptions, trainLoop } from "./commands/train-loop.js";
export { type PrepareTrainOptions, prepareTrainRun } from "./commands/train-prepare.js";
export { openTrainRun, type TrainRun, type TrainRunRecord } from "./commands/train-run.js";
export type { TrainStore } from "./commands/train-tables.js";
export type { TrainTextOptions } from "./commands/train-text.js";
export { openByUri, tableDrivers } from "./drivers.js";
export { engramProgram } from "./program.js";
export { byteText, durationText, type Progress, type ProgressReporter, progressReporter } from "./progress.js";
export { type ProgressLine, progressLine } from "./progress-line.js";
export { type Alignment, textTable } from "./text-table.js";
export { type OpenTokenizer, openTokenizer } from "./tokenizer.js";
export { resolveTokenizer, type TokenizerSource } from "./tokenizer-source.js";
