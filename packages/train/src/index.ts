// The package's public names.

export { IGNORED_TARGET, type TokenBatch, type TokenSource } from "./data/token-batch.js";
export { openTokenizer, type Tokenizer } from "./tokenizer/tokenizer.js";
export {
  END_OF_TEXT,
  type TokenizerJson,
  type TrainTokenizerOptions,
  trainTokenizer,
} from "./tokenizer/train-tokenizer.js";
