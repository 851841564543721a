// The public names of @engram-ts/core, in the order in which data passes through them.

export { normalizeTokenText } from "./addressing/text-normalizer.js";
export type { TokenDecoder, TokenDecoderStep } from "./addressing/token-decoder.js";
export { type BuildTokenMapOptions, buildTokenMap, compressIds, type TokenMap } from "./addressing/token-map.js";
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
export { EngramError, type EngramErrorOptions, type ErrorCode, isEngramError, type RetryAdvice } from "./errors.js";
export { decodeBfloat16, encodeBfloat16 } from "./rows/bfloat16.js";
export { decodeRows } from "./rows/decode.js";
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
export { interleaveRows, type RowRegions, splitRows } from "./rows/regions.js";
export { MAX_ROWS, type TableInfo, tableInfo } from "./rows/table.js";
export { type LatencyHistogram, type LatencySummary, latencyHistogram } from "./store/latency.js";
export { checkPrefetchOptions, checkRowIdBatch, checkRowIds, rowOutOfRange } from "./store/row-ids.js";
export type {
  PrefetchOptions,
  RowStore,
  RowTransaction,
  StoreCapabilities,
  StoreStats,
  Ticket,
  WritableRowStore,
} from "./store/row-store.js";
export { type StoreCounters, storeCounters } from "./store/store-counters.js";
export { StoreTicket, type TicketSource } from "./store/ticket.js";
