// What programs beside the command may use: tokenizers as the command finds and runs them, its text tables, its
// progress on standard error, and storage by URI.

export { groupDigits } from "./command-output.js";
export { openByUri, tableDrivers } from "./drivers.js";
export { engramProgram } from "./program.js";
export { byteText, durationText, type Progress, type ProgressReporter, progressReporter } from "./progress.js";
export { type ProgressLine, progressLine } from "./progress-line.js";
export { type Alignment, textTable } from "./text-table.js";
export { type OpenTokenizer, openTokenizer } from "./tokenizer.js";
export { resolveTokenizer, type TokenizerSource } from "./tokenizer-source.js";
