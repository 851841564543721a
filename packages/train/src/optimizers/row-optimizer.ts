// One table in training: its rows and their moments, each in a writable store of any tier, so that neither has to fit in
// memory. A step reads the rows of its tokens once; what was read is what Adam starts from. Moments are read while the
// backend computes. Rows that no step touched are neither read nor written. Not here: the formula (sparse-adam.ts).

import { EngramError, type PrefetchOptions, type TableInfo, tableInfo, type WritableRowStore } from "@engram-ts/core";
import { rowSums } from "./row-sums.js";
import { type SparseAdamOptions, sparseAdam } from "./sparse-adam.js";
import { type RowsRead, readRows, writeRows } from "./store-rows.js";

/** Where a table in training lies. The stores stay the caller's to close. */
export interface TrainedTable {
  readonly rows: WritableRowStore;
  /** The moments of the rows: {@link momentsTable} says its shape. Zeros before training. */
  readonly moments: WritableRowStore;
  /**
   * The rows as they were before training, float32 `[n, width]`, from `firstRow` on. Needed to resume on stores that
   * outlive the process: rows that changed after the checkpoint go back to these.
   */
  readonly initial?: (firstRow: number, values: Float32Array) => void | Promise<void>;
}

/** One batch's rows of a table. */
export interface RowsOfBatch {
  readonly rowIds: Uint32Array;
  /** `[rowIds, width]`, as they were read. */
  readonly values: Float32Array;
}

/** A table in training. */
export interface RowOptimizer {
  readonly table: TrainedTable;
  /** One bit a row: whether a step has ever changed it. */
  readonly touched: Uint8Array;
  /** Brings rows near, to be read after the step that runs. Does nothing where rows are in memory. */
  warm(rowIds: Uint32Array): void;
  /** Reads the rows of a batch; the values hold until the next call. */
  read(rowIds: Uint32Array, options: PrefetchOptions): Promise<RowsOfBatch>;
  /** While the backend computes: finds the distinct rows of a batch that was read. */
  place(batch: RowsOfBatch): Uint32Array;
  /** While the backend computes, after the last batch of a step was placed: asks for the moments. */
  prefetchMoments(): void;
  /** Adds a batch's gradients `[rowIds, width]`. */
  add(places: Uint32Array, gradients: Float32Array): void;
  /** Changes the rows and writes them, and forgets the step. Returns how many rows were changed. */
  apply(options: SparseAdamOptions): Promise<number>;
  /** Forgets a step that is not to be applied. */
  discard(): void;
}

/** Encodings that keep what a step changes; int8 and fp8 round it away. */
const TRAINED_ENCODINGS: ReadonlySet<string> = new Set(["f32", "bf16", "f16"]);

/** The table of moments for a table: as many rows, twice as wide, float32; first moments, then second. */
export function momentsTable({ rows, encoding }: TableInfo): TableInfo {
  return tableInfo({ rows, encoding: { kind: "f32", width: 2 * encoding.width } });
}

/**
 * Puts a table into training.
 * @param layer for messages.
 * @throws EngramError `unsupported` for int8 and fp8 rows, `manifest-mismatch` where the moments' table has another shape.
 */
export function rowOptimizer(table: TrainedTable, layer: number): RowOptimizer {
  checkTable(table, layer);
  const { rows, moments } = table;
  const { width } = rows.table.encoding;
  const sums = rowSums(width);
  const touched = new Uint8Array(Math.ceil(rows.table.rows / 8));
  let near: RowsRead | undefined;
  let momentsRead: RowsRead | undefined;
  let staging = new Float32Array(0);
  let momentValues = new Float32Array(0);
  const discard = (): void => {
    momentsRead?.release();
    momentsRead = undefined;
    sums.clear();
  };
  return {
    table,
    touched,
    warm(rowIds) {
      near?.release();
      near = rows.capabilities.resident ? undefined : readRows(rows, rowIds);
      near?.ready().catch(() => undefined); // the reading that matters comes later, and fails for itself
    },
    async read(rowIds, options) {
      const read = readRows(rows, rowIds, options);
      near?.release();
      near = undefined;
      try {
        await read.ready();
        staging = grown(staging, rowIds.length * width);
        const values = staging.subarray(0, rowIds.length * width);
        read.decode(values);
        return { rowIds, values };
      } finally {
        read.release();
      }
    },
    place: ({ rowIds, values }) => sums.place(rowIds, values),
    prefetchMoments() {
      momentsRead?.release();
      momentsRead = readRows(moments, sums.ids());
      momentsRead.ready().catch(() => undefined); // apply waits for it, and throws
    },
    add: (places, gradients) => sums.add(places, gradients),
    async apply(options) {
      const { count } = sums;
      try {
        const read = momentsRead ?? readRows(moments, sums.ids());
        momentsRead = read;
        await read.ready();
        momentValues = grown(momentValues, count * 2 * width);
        const ids = sums.ids();
        const values = sums.values();
        const own = momentValues.subarray(0, count * 2 * width);
        read.decode(own);
        read.release(); // a ticket that is open makes stores keep what is overwritten
        momentsRead = undefined;
        sparseAdam({ values, gradients: sums.sums(), moments: own }, width, options);
        await writeRows(rows, ids, values);
        await writeRows(moments, ids, own);
        for (const id of ids) touched[id >>> 3] = (touched[id >>> 3] ?? 0) | (1 << (id & 7));
        return count;
      } finally {
        discard();
      }
    },
    discard,
  };
}

/** An array of `length` values at least, the same one where it is long enough. */
function grown(array: Float32Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> {
  return array.length >= length ? array : new Float32Array(2 ** Math.ceil(Math.log2(length)));
}

function checkTable({ rows, moments }: TrainedTable, layer: number): void {
  const { encoding } = rows.table;
  if (!TRAINED_ENCODINGS.has(encoding.kind)) {
    throw new EngramError({
      code: "unsupported",
      operation: "createTrainer",
      message: `the rows of block ${layer} are ${encoding.kind}, which rounds a step's changes away; train them as f32 (or bf16, f16) and convert the table afterwards`,
      context: { layer, encoding: encoding.kind },
    });
  }
  const expected = momentsTable(rows.table);
  const found = moments.table;
  if (
    found.rows !== expected.rows ||
    found.encoding.kind !== "f32" ||
    found.encoding.width !== expected.encoding.width
  ) {
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "createTrainer",
      message: `the moments of block ${layer} are a table of ${found.rows} rows of ${found.encoding.width} ${found.encoding.kind} values, and ${expected.rows} rows of ${expected.encoding.width} f32 values are needed; make it by momentsTable(table)`,
      context: { layer },
    });
  }
}
