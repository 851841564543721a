// The public names of @engram-ts/core, in the order in which data passes through them.

export {
  type Addressing,
  type AddressingOptions,
  createAddressing,
  MAX_ROW_IDS,
  type TokenIds,
} from "./addressing/addressing.js";
export {
  ADDRESSING_KINDS,
  ADDRESSING_LIMITS,
  type AddressingConfig,
  type AddressingKind,
  parseAddressingConfig,
} from "./addressing/addressing-config.js";
export { DEAD_TOKEN, type LookBack } from "./addressing/contexts.js";
export {
  compareDerivations,
  type DerivationDifference,
  type StoredDerivation,
  type StoredLayerDerivation,
} from "./addressing/derivation.js";
export type { LayerAddressing } from "./addressing/derive-layers.js";
export {
  createHistory,
  type HistoryOptions,
  type HistorySnapshot,
  MAX_ROLLBACK_WINDOW,
  type NgramHistory,
  restoreHistory,
} from "./addressing/history.js";
export type { Ngram } from "./addressing/ngrams.js";
export { numpyIntegers } from "./addressing/numpy-random.js";
export { ADDRESSING_PRESETS, type AddressingPreset, type AddressingPresetName } from "./addressing/presets.js";
export { normalizeTokenText } from "./addressing/text-normalizer.js";
export type { TokenDecoder, TokenDecoderStep } from "./addressing/token-decoder.js";
export {
  type BuildTokenMapOptions,
  buildTokenMap,
  compressIds,
  type TokenMap,
  tokenText,
} from "./addressing/token-map.js";
export {
  decodeTokenMap,
  encodeTokenMap,
  type TokenMapExpectation,
  tokenMapDigest,
} from "./addressing/token-map-file.js";
export {
  type AddedToken,
  MAX_TOKENIZER_IDS,
  MAX_TOKENIZER_JSON_LENGTH,
  parseTokenizerJson,
  type TokenizerVocabulary,
} from "./addressing/tokenizer-json.js";
export {
  GATHER_SLACK_BYTES,
  type GatherKernel,
  twinGatherKernel,
  wasmGatherExport,
  wasmGatherKernel,
  wasmGatherModule,
} from "./assembly/gather-kernel.js";
export { compileKernel, type KernelBinary } from "./assembly/kernel-module.js";
export {
  type Checkpoint,
  loadCheckpoint,
  type OpenCheckpointOptions,
  openCheckpoint,
} from "./checkpoint/checkpoint-open.js";
export { type SaveCheckpointOptions, type SavedCheckpoint, saveCheckpoint } from "./checkpoint/checkpoint-save.js";
export type { CheckpointStorage } from "./checkpoint/checkpoint-storage.js";
export { DTYPE_BITS, DTYPES, type Dtype, denseBytes, isDtype } from "./checkpoint/dtype.js";
export { exportParameters, type ParameterNames, type TensorPiece } from "./checkpoint/parameter-names.js";
export { type DeepseekV3NamesOptions, deepseekV3Names } from "./checkpoint/parameter-names-deepseek-v3.js";
export { engramModuleNames } from "./checkpoint/parameter-names-engram.js";
export {
  findTensor,
  readSafetensors,
  type Safetensors,
  type TensorValues,
  tensorBytes,
  tensorValues,
} from "./checkpoint/safetensors.js";
export {
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type SafetensorsTensor,
  safetensorsHeaderBytes,
} from "./checkpoint/safetensors-header.js";
export { encodeSafetensors, type TensorData } from "./checkpoint/safetensors-writer.js";
export type {
  CheckpointLayout,
  CheckpointShard,
  CheckpointSource,
  CheckpointTables,
  CheckpointTablesOptions,
} from "./checkpoint/table-source.js";
export { checkpointLayout, checkpointTables } from "./checkpoint/table-tensors.js";
export { tensorFloat32 } from "./checkpoint/tensor-floats.js";
export type { WeightEncoding } from "./checkpoint/weight-encoding.js";
export { EngramError, type EngramErrorOptions, type ErrorCode, isEngramError, type RetryAdvice } from "./errors.js";
export type {
  Backend,
  BackendMemory,
  CacheShape,
  DownloadOptions,
  RowsToUpload,
  UploadUse,
} from "./model/backend.js";
export type {
  BackendOperation,
  BackendOperations,
  EngramGateOptions,
  GqaOptions,
  HyperOptions,
  MlaOptions,
  MoeOptions,
  OperationCall,
  OperationCalls,
  OperationInputs,
  OperationName,
  OperationOptions,
  OperationOutputs,
  OperationTable,
  Rotary,
  SavedTensors,
  Sequences,
  ShortConvolutionOptions,
} from "./model/backend-operations.js";
export { openScope, type Scope } from "./model/backend-scope.js";
export type { AdamWOptions, BackendUpdates, MuonOptions, MuonParameter } from "./model/backend-updates.js";
export type { BlockKind, BlockSlot, ContextCost, ModelShape } from "./model/block-kind.js";
export { BLOCK_KINDS, type BlockKindOptions } from "./model/block-kinds.js";
export { createDecodeState, type DecodeState, type DecodeStateOptions, type StateStep } from "./model/decode-state.js";
export { decodeStep, type StepOptions, type StepResult, type StepSequence } from "./model/decode-step.js";
export { type ForwardBatch, type ForwardResult, forward } from "./model/forward.js";
export {
  awaitRows,
  forwardWithRows,
  forwardWithTickets,
  prefetchRows,
  type RowTables,
  type RunningForward,
  type TicketDriver,
} from "./model/forward-drivers.js";
export { createModel, type Model, type ModelOptions } from "./model/forward-model.js";
export type { PartCall, PartOperation, PartOperations } from "./model/forward-part.js";
export { type GenerateOptions, generate } from "./model/generate.js";
export {
  type BuilderAddressing,
  type BuilderBlock,
  type ModelBuilder,
  type ModelBuilderOptions,
  modelBuilder,
} from "./model/model-builder.js";
export {
  type AttentionSpec,
  type BlockSpec,
  type ConvolutionSpec,
  type CustomKindName,
  type CustomPartSpec,
  type DeepseekV41EngramSpec,
  type DenseSpec,
  type EngramSpec,
  type FeedForwardSpec,
  type GqaSpec,
  type HeadKind,
  type HyperConnectionsSpec,
  type JsonValue,
  type MemorySpec,
  type MlaSpec,
  MODEL_SPEC_VERSION,
  type ModelSpec,
  type MoeSpec,
  type PaperEngramSpec,
  type QwenPleEngramSpec,
  type ResidualSpec,
  type RopeSpec,
  type StreamsSpec,
  type YarnSpec,
} from "./model/model-spec.js";
export {
  blockParameters,
  type MemoryTable,
  memoryTables,
  memoryWidth,
  modelParameters,
  rowsPerToken,
} from "./model/parameters.js";
export { type ComponentCount, countParameters, type ParameterCount } from "./model/parameters-count.js";
export { type EngramShape, engramParameters, streamsParameters } from "./model/parameters-engram.js";
export {
  activatedValues,
  COMPONENTS,
  type Component,
  type ParameterShape,
  parameterValues,
} from "./model/parameters-shape.js";
export { uploadUse } from "./model/parameters-use.js";
export {
  type ModelPlan,
  type PlacementPlan,
  type PlanOptions,
  planModel,
  planTables,
  type TablesPlan,
  type TablesPlanOptions,
} from "./model/plan.js";
export { BEST_RHO, type Budget, type SparsitySplit, specForBudget, splitSparsity } from "./model/plan-budget.js";
export { type ModelCost, modelCost, type PhaseCost, type StepCost } from "./model/plan-cost.js";
export { type EncodingPlan, type MemoryPlan, type MemoryTablePlan, planMemory } from "./model/plan-memory.js";
export {
  type PlacementOptions,
  placeTables,
  type Slack,
  type TablePlacement,
  type TierVerdict,
} from "./model/plan-placement.js";
export {
  DEFAULT_MACHINE,
  DEFAULT_WORKLOAD,
  type DeviceSpec,
  type MachineSpec,
  type TierSpec,
  type Workload,
} from "./model/plan-workload.js";
export {
  MEMORY_PRESETS,
  type MemoryPresetName,
  MODEL_PRESETS,
  type ModelPresetName,
  modelPreset,
} from "./model/presets.js";
export { type RandomParametersOptions, randomParameters } from "./model/random-parameters.js";
export { rotaryOf, yarnScoreFactor } from "./model/rotary.js";
export {
  type AddressedModel,
  type PackedTokens,
  packTokens,
  type RowsNeeded,
  rowsNeeded,
} from "./model/rows-needed.js";
export { type Sampler, type SamplingOptions, sampler } from "./model/sampling.js";
export type { NumberRange, SpecFields } from "./model/spec-fields.js";
export type {
  AttentionInput,
  BlockInput,
  EngramInput,
  FeedForwardInput,
  ModelSpecInput,
  RopeInput,
  StreamsInput,
} from "./model/spec-input.js";
export { MODEL_LIMITS } from "./model/spec-limits.js";
export { parseModelSpec } from "./model/spec-parse.js";
export { shortModelSpec } from "./model/spec-short.js";
export { type EmbeddedGradient, type Gradients, openTape, type Tape } from "./model/tape.js";
export {
  CONVOLUTION_NORM_EPSILON,
  type EngramBranch,
  type EngramModule,
  engramForward,
  GATE_NORM_EPSILON,
} from "./reference/engram-module.js";
export { engramModuleTensors } from "./reference/engram-module-tensors.js";
export {
  type EngramModuleV41,
  engramV41Forward,
  type ModuleInputV41,
  V41_NORM_EPSILON,
} from "./reference/engram-module-v41.js";
export { copiedSignGate, signedRootGate } from "./reference/gate.js";
export {
  engramModuleFrom,
  engramModuleV41From,
  type LoadEngramOptions,
  type LoadEngramV41Options,
  loadEngramModule,
  MAX_DILATION,
  type ModuleLocation,
} from "./reference/load-engram-module.js";
export type { ModuleInput, ModuleOutput, ModuleShape, ModuleState } from "./reference/module-pass.js";
export type { NamedTensor, NamedTensors } from "./reference/named-tensors.js";
export { type RandomEngramModuleOptions, randomEngramModule } from "./reference/random-engram-module.js";
export { referenceBackend } from "./reference/reference-backend.js";
export type { FloatArray } from "./reference/rms-norm.js";
export type { ReferenceTensor } from "./reference/tensor.js";
export { decodeBfloat16, encodeBfloat16 } from "./rows/bfloat16.js";
export { decodeRows } from "./rows/decode.js";
export { deterministicRows, fillRows, findWrongRow, verifyRow } from "./rows/deterministic-rows.js";
export { encodeRows } from "./rows/encode.js";
export {
  checkRowEncoding,
  E8M0_BLOCK,
  encodedRowBytes,
  MAX_ROW_WIDTH,
  ROW_ENCODING_KINDS,
  type RowEncoding,
  rowScaleBytes,
  rowValueBytes,
} from "./rows/encoding.js";
export {
  decodeFloat8E4m3,
  decodeFloat8E8m0,
  e8m0ScaleFor,
  encodeFloat8E4m3,
  FLOAT8_E4M3_MAX,
  float8E4m3Table,
  float8E8m0Table,
} from "./rows/float8.js";
export { decodeFloat16, encodeFloat16, float16Table } from "./rows/float16.js";
export {
  MANIFEST_NAME,
  MANIFEST_VERSION,
  type Manifest,
  type ManifestBlockDigests,
  type ManifestBlocks,
  type ManifestModule,
  type ManifestPart,
  type ManifestRegion,
  type ManifestTokenMap,
} from "./rows/manifest.js";
export { checkManifest } from "./rows/manifest-check.js";
export { MAX_URI_LENGTH } from "./rows/manifest-fields.js";
export { BLOCK_DIGEST_BYTES, MAX_MANIFEST_PARTS } from "./rows/manifest-module.js";
export { MAX_MANIFEST_LENGTH, parseManifest } from "./rows/manifest-reader.js";
export { serializeManifest } from "./rows/manifest-writer.js";
export { type ReadGranule, type ReadPlan, type ReadPlanOptions, readPlan } from "./rows/read-plan.js";
export { interleaveRows, type RowRegions, splitRows } from "./rows/regions.js";
export {
  type LocatedObject,
  type LocatedPart,
  type LocatedRegion,
  type RowLocations,
  rowLocations,
  type SortedRows,
  sortedRows,
} from "./rows/row-location.js";
export { MAX_ROWS, type TableInfo, tableInfo } from "./rows/table.js";
export { type CachedOptions, cached } from "./store/cached.js";
export { type LatencyHistogram, type LatencySummary, latencyHistogram } from "./store/latency.js";
export { type ObservedOptions, observed, type StoreEvent } from "./store/observed.js";
export { type OpenTablesByUriOptions, openTables, type TablesUri } from "./store/open-tables.js";
export type { RowCache, RowCacheStats } from "./store/row-cache.js";
export { type MemoryRowCacheOptions, memoryRowCache } from "./store/row-cache-memory.js";
export { checkPrefetchOptions, checkRowBytes, checkRowIdBatch, checkRowIds, rowOutOfRange } from "./store/row-ids.js";
export type {
  PrefetchOptions,
  RowStore,
  RowTransaction,
  StoreCapabilities,
  StoreStats,
  Ticket,
  WritableRowStore,
} from "./store/row-store.js";
export { sharded } from "./store/sharded.js";
export { type StagedPut, type StagedTransactionsOwner, stagedTransactions } from "./store/staged-transactions.js";
export { storeClosed } from "./store/store-closed.js";
export { type StoreCounters, storeCounters } from "./store/store-counters.js";
export type {
  OpenedTables,
  OpenTablesOptions,
  TableDriver,
  TablePlan,
  TableWriter,
  WriteTablesOptions,
} from "./store/table-driver.js";
export { StoreTicket, type TicketSource } from "./store/ticket.js";
export { byteSize, parseTierUri, type Tier, tierUriText } from "./store/tier-uri.js";
export { type TieredOptions, type TieredStore, type TierStats, tiered } from "./store/tiered.js";
export { systemTime, type TimeSource } from "./store/time-source.js";
export { type VerifiedOptions, type VerifiedStore, verified } from "./store/verified.js";
export { digestRows, type RowChunksOptions, type RowDigests, rowChunks } from "./store/verified-digests.js";
export { type RetryOptions, withRetry } from "./store/with-retry.js";
export type { RetryBudgetOptions } from "./store/with-retry-budget.js";
export { type TimeoutOptions, withTimeout } from "./store/with-timeout.js";
export { type WriteBackOptions, type WriteBackStore, writeBack } from "./store/write-back.js";
