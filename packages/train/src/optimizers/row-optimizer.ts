// One table in training: its rows and their moments, each in a writable store of any tier, so that neither has to fit in
// memory. Most of its work is done while the backend computes: the distinct rows of the next step are found and read, the
// moments of this step read, those of the step before written. What this step then changes of the next one's rows is
// copied to them. Rows that no step touched are neither read nor written. Not here: the formula (sparse-adam.ts), and the
// sums of gradients, which the backend makes.

import { EngramError, type TableInfo, tableInfo, type WritableRowStore } from "@engram-ts/core";
import { sharedRows } from "./distinct-rows.js";
import type { SparseAdamOptions } from "./sparse-adam.js";
import { type StepRows, stepRows } from "./step-rows.js";
import { loadRows, roundRows, writeRows } from "./store-rows.js";

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
  /**
   * The step whose rows and moments the stores hold as training begins, where that is known; 0: those of before training.
   * A resumed run then writes nothing, or what its checkpoint holds alone, and needs no `initial`.
   */
  readonly step?: number;
}

/** A table in training. */
export interface RowOptimizer {
  readonly table: TrainedTable;
  /** One bit a row: whether a step has ever changed it. */
  readonly touched: Uint8Array;
  /** The step whose rows and moments the stores hold, where that is known. */
  readonly heldStep: number | undefined;
  /** While the backend computes: finds the next step's distinct rows, and reads them. @param batches their row ids, each. */
  prepare(batches: readonly Uint32Array[]): void;
  /** Begins the step that was prepared: its rows are there then. */
  begin(): Promise<void>;
  /** The step's distinct rows `[capacity, width]`, ascending, and more that mean nothing: a view until the next step. */
  values(): Float32Array;
  /** Where the rows of one of the step's batches are among them, in the order of its ids: a view until the next step. */
  places(batch: number): Uint32Array;
  /** While the backend computes: writes the moments of the step before, and reads those of this one. */
  prefetchMoments(): void;
  /**
   * Changes the rows and writes them. Returns how many rows were changed.
   * @param gradients `[capacity, width]`, of each row, summed over the step; zeros where they are left out.
   */
  apply(gradients: Float32Array | undefined, options: SparseAdamOptions): Promise<number>;
  /** Writes what is not written yet: moments of the last step. */
  settle(): Promise<void>;
  /** Forgets steps that are prepared, not applied, or not written, and waits for what is being written. */
  discard(): Promise<void>;
  /** Rows and moments are those of a checkpoint now. */
  restored(step: number): void;
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
  const { encoding } = rows.table;
  const { width } = encoding;
  const touched = new Uint8Array(Math.ceil(rows.table.rows / 8));
  const pair = [preparedStep(rows.table.rows, width), preparedStep(rows.table.rows, width)] as const;
  let next: PreparedStep | undefined;
  let current: PreparedStep | undefined;
  /** The step whose moments are not written. */
  let unwritten: PreparedStep | undefined;
  let momentsWritten: Promise<void> = Promise.resolve();
  let rowsWritten: Promise<void> | undefined;
  let momentsRead: Promise<void> | undefined;
  let heldStep = table.step;

  const settle = (): Promise<void> => {
    if (unwritten === undefined) return momentsWritten;
    const { step } = unwritten;
    unwritten = undefined;
    momentsWritten = writeRows(moments, step.ids, step.moments);
    momentsWritten.catch(() => undefined); // told to whoever waits for it
    return momentsWritten;
  };
  const prefetchMoments = (): Promise<void> => {
    const step = stepOf(current);
    const written = settle();
    momentsRead = written.then(() => loadRows(moments, step.ids, () => step.moments));
    return momentsRead;
  };
  return {
    table,
    touched,
    get heldStep() {
      return heldStep;
    },
    prepare(batches) {
      const made = current === pair[0] ? pair[1] : pair[0];
      if (unwritten === made) void settle(); // its arrays are used again
      made.begin(batches, current);
      made.loading = loadRows(rows, made.step.ids, () => made.step.values);
      made.loading?.catch(() => undefined); // told to `begin`
      next = made;
    },
    async begin() {
      if (next === undefined) throw new TypeError("a step is prepared before it begins");
      current = next;
      next = undefined;
      await current.loading;
      current.takeChanges();
    },
    values: () => stepOf(current).padded,
    places: (batch) => stepOf(current).places(batch),
    prefetchMoments() {
      prefetchMoments().catch(() => undefined); // told to `apply`
    },
    async apply(gradients, options) {
      const step = stepOf(current);
      await (momentsRead ?? prefetchMoments());
      momentsRead = undefined;
      step.adam(gradients ?? new Float32Array(step.values.length), options);
      roundRows(encoding, step.values);
      heldStep = undefined;
      const { ids } = step;
      rowsWritten = writeRows(rows, ids, step.values);
      await rowsWritten;
      if (current !== undefined) current.applied = true;
      unwritten = current;
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i] as number; // i < length
        touched[id >>> 3] = (touched[id >>> 3] as number) | (1 << (id & 7)); // a bit for each row
      }
      return ids.length;
    },
    settle,
    async discard() {
      await Promise.allSettled([rowsWritten, momentsWritten, momentsRead, next?.loading]); // what they fail with is of no matter now
      next = undefined;
      current = undefined;
      unwritten = undefined;
      momentsRead = undefined;
      momentsWritten = Promise.resolve();
    },
    restored(step) {
      heldStep = step;
    },
  };
}

/** A step's rows, read while the step before was on its way, and what that one changed of them. */
interface PreparedStep {
  readonly step: StepRows;
  loading: Promise<void> | undefined;
  /** Whether its rows are changed, and in their store. */
  applied: boolean;
  begin(batches: readonly Uint32Array[], before: PreparedStep | undefined): void;
  /** Copies rows that the step before changed after they were read here. */
  takeChanges(): void;
}

function preparedStep(rows: number, width: number): PreparedStep {
  const step = stepRows(rows, width);
  let before: PreparedStep | undefined;
  let shared = 0;
  let here = new Uint32Array(0);
  let there = new Uint32Array(0);
  const prepared: PreparedStep = {
    step,
    loading: undefined,
    applied: false,
    begin(batches, running) {
      prepared.applied = false;
      step.begin(batches);
      before = running?.applied === false ? running : undefined;
      shared = 0;
      if (before === undefined) return;
      if (here.length < step.ids.length) {
        here = new Uint32Array(2 ** Math.ceil(Math.log2(step.ids.length)));
        there = new Uint32Array(here.length);
      }
      shared = sharedRows(step.ids, before.step.ids, here, there);
    },
    takeChanges() {
      if (before?.applied !== true) return;
      const into = step.values;
      const from = before.step.values;
      for (let i = 0; i < shared; i++) {
        let to = (here[i] as number) * width; // i < shared
        let at = (there[i] as number) * width;
        for (const end = at + width; at < end; at++, to++) into[to] = from[at] as number; // within the row
      }
      before = undefined;
    },
  };
  return prepared;
}

function stepOf(current: PreparedStep | undefined): StepRows {
  if (current !== undefined) return current.step;
  throw new TypeError("the step has begun");
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
