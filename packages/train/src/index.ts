// The package's public names.

export {
  type CheckpointFolder,
  type CheckpointFolderOptions,
  checkpointFolder,
  type SavedStep,
} from "./checkpoints/checkpoint-folder.js";

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
export { type EvaluateOptions, type Evaluation, evaluate } from "./evaluation/evaluate.js";
export { momentsTable, type TrainedTable } from "./optimizers/row-optimizer.js";
export { learningRateFactor, type Schedule, STEP_DECAY } from "./optimizers/schedule.js";
export { type GateFigure, gateFigure } from "./report/gate-figure.js";
export { firedNgram, type TracedLayer, type TracedNgram, traceGates } from "./report/gate-trace.js";
export { type LossFigure, type LossSeries, lossFigure, smoothedPoints } from "./report/loss-figure.js";
export { type ReportSection, reportPage, reportTable, reportText } from "./report/report-page.js";
export { type ReducedTokenizer, type ReduceTokenizerOptions, reduceTokenizer } from "./tokenizer/reduce-tokenizer.js";
export { openTokenizer, type Tokenizer } from "./tokenizer/tokenizer.js";
export {
  END_OF_TEXT,
  type TokenizerJson,
  type TrainTokenizerOptions,
  trainTokenizer,
} from "./tokenizer/train-tokenizer.js";
export {
  fillRows,
  type InitialRows,
  type InitialRowsOptions,
  initializeBytes,
  initialRows,
  tablesOf,
} from "./trainer/initial-rows.js";
export { type MetricsFile, metricsFile } from "./trainer/metrics-file.js";
export { type RunOptions, type RunResult, runTraining } from "./trainer/run-training.js";
export { STEP_PHASES, type StepPhase, type StepSeconds } from "./trainer/step-clock.js";
export { progressLine, type StepMetrics } from "./trainer/step-metrics.js";
export { createTrainer, type Trainer, type TrainerOptions } from "./trainer/trainer.js";
export {
  TRAINING_DEFAULTS,
  type TrainingConfig,
  type TrainingConfigInput,
  trainingConfig,
} from "./trainer/training-config.js";
