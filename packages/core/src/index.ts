// The public names of @engram-ts/core, in the order in which data passes through them.

export { EngramError, type EngramErrorOptions, type ErrorCode, isEngramError, type RetryAdvice } from "./errors.js";
export {
  checkRowEncoding,
  E8M0_BLOCK,
  encodedRowBytes,
  MAX_ROW_WIDTH,
  ROW_ENCODING_KINDS,
  type RowEncoding,
} from "./rows/encoding.js";
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
