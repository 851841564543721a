// What programs beside the command may use: tokenizers as the command finds and runs them, and its text tables.

export { groupDigits } from "./command-output.js";
export { engramProgram } from "./program.js";
export { type Alignment, textTable } from "./text-table.js";
export { type OpenTokenizer, openTokenizer } from "./tokenizer.js";
export { resolveTokenizer, type TokenizerSource } from "./tokenizer-source.js";
