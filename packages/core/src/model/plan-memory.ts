// The tables of a model in numbers: rows, bytes in each encoding, and what one token reads of them.

import { E8M0_BLOCK, encodedRowBytes, ROW_ENCODING_KINDS, type RowEncoding } from "../rows/encoding.js";
import type { MemorySpec } from "./model-spec.js";
import { type MemoryTable, memoryTables, memoryWidth, rowsPerToken } from "./parameters.js";

/** One table. */
export interface MemoryTablePlan extends MemoryTable {
  /** Rows times row width. */
  readonly values: number;
  /** In the model's own encoding. */
  readonly bytes: number;
}

/** All tables in one encoding. */
export interface EncodingPlan {
  readonly kind: RowEncoding["kind"];
  readonly rowBytes: number;
  readonly bytes: number;
}

/** See {@link planMemory}. */
export interface MemoryPlan {
  readonly tables: readonly MemoryTablePlan[];
  readonly rows: number;
  readonly values: number;
  /** In the model's own encoding. */
  readonly bytes: number;
  readonly encoding: RowEncoding;
  readonly rowBytes: number;
  /** Every encoding that the row width allows, in the order of `ROW_ENCODING_KINDS`. */
  readonly encodings: readonly EncodingPlan[];
  readonly traffic: {
    /** Of one table. */
    readonly rowsPerTokenAndTable: number;
    /** Of all tables. */
    readonly rowsPerToken: number;
    /** As stored. */
    readonly bytesPerToken: number;
    /** As bf16, on their way into the modules. */
    readonly decodedBytesPerToken: number;
  };
}

/** Rows, bytes and traffic of a model's tables. */
export function planMemory(memory: MemorySpec): MemoryPlan {
  const { encoding } = memory;
  const rowBytes = encodedRowBytes(encoding);
  const tables = memoryTables(memory).map((table) => ({
    ...table,
    values: table.rows * encoding.width,
    bytes: table.rows * rowBytes,
  }));
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const encodings = ROW_ENCODING_KINDS.filter(
    (kind) => kind !== "fp8-e4m3-e8m0" || encoding.width % E8M0_BLOCK === 0,
  ).map((kind): EncodingPlan => {
    const { width } = encoding;
    const bytes = encodedRowBytes(kind === "fp8-e4m3" ? { kind, width, scale: 1 } : { kind, width });
    return { kind, rowBytes: bytes, bytes: rows * bytes };
  });
  const perTable = rowsPerToken(memory);
  return {
    tables,
    rows,
    values: rows * encoding.width,
    bytes: rows * rowBytes,
    encoding,
    rowBytes,
    encodings,
    traffic: {
      rowsPerTokenAndTable: perTable,
      rowsPerToken: perTable * tables.length,
      bytesPerToken: perTable * tables.length * rowBytes,
      decodedBytesPerToken: memoryWidth(memory) * tables.length * 2,
    },
  };
}
