// The package's public names.

export {
  type Corpus,
  type CorpusDocument,
  type CorpusFile,
  type CorpusManifest,
  type LoadCorpusOptions,
  loadCorpus,
} from "./data/corpus.js";
export { type DocumentSplit, splitDocuments } from "./data/document-split.js";
export { type EvaluationBatchesOptions, evaluationBatches } from "./data/evaluation-batches.js";
export { type NpmTextsOptions, npmTexts } from "./data/npm-texts.js";
export {
  type LeftOutFile,
  memoryTexts,
  type SourceFile,
  type TextFilesOptions,
  type TextFolderOptions,
  type TextSource,
  textFiles,
  textFolder,
} from "./data/text-source.js";
export { IGNORED_TARGET, type TokenBatch, type TokenSource } from "./data/token-batch.js";
export type { TokenManifest, TokenShard, TokenSplit } from "./data/token-manifest.js";
export type { Packing, PackingOptions } from "./data/token-packing.js";
export { openTokenShards, type TokenShards } from "./data/token-shards.js";
export { type WriteTokenShardsOptions, writeTokenShards } from "./data/token-shards-write.js";
export { type TokenSourceOptions, tokenSource } from "./data/token-source.js";
export { type ReducedTokenizer, type ReduceTokenizerOptions, reduceTokenizer } from "./tokenizer/reduce-tokenizer.js";
export { openTokenizer, type Tokenizer } from "./tokenizer/tokenizer.js";
export {
  END_OF_TEXT,
  type TokenizerJson,
  type TrainTokenizerOptions,
  trainTokenizer,
} from "./tokenizer/train-tokenizer.js";
