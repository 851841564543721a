// Writing tables, from their first row to their last, a block a transaction. What a transaction committed survives a
// kill; a writer that is opened again for the same plan goes on after it. Readers see nothing before `finish`, which
// publishes all tables in one transaction and has what they replace removed.

import { createHash, randomUUID } from "node:crypto";
import { EngramError, type Manifest, type ManifestModule } from "@engram-ts/core";
import type { Environment } from "./lmdb-environment.js";
import { KIND, rowKey } from "./lmdb-keys.js";
import { removeRetired } from "./retired-tables.js";
import { readPending, type TableRecord } from "./table-records.js";
import { adoptPlan, checkOwner, type LayerState, publish, type WritePlan } from "./write-plan.js";
import { checkSpace } from "./write-space.js";

/** As the TableWriter of core, but for a manifest that may be missing. */
export interface BlockWriter {
  readonly committed: ReadonlyMap<number, number>;
  write(layer: number, firstRow: number, rows: Uint8Array): Promise<void>;
  finish(digests?: ReadonlyMap<number, string>): Promise<Manifest | undefined>;
  close(): Promise<void>;
}

const OPERATION = "writer.write";

/**
 * Starts or resumes writing in an environment that its caller holds, and lets go of after `close`.
 * @param options replace: forgets an unfinished writing of another plan.
 * @throws EngramError `manifest-mismatch` (such a writing is there), `permission-denied`, `out-of-space`, `io`.
 */
export async function blockWriter(
  environment: Environment,
  plan: WritePlan,
  options: { readonly replace?: boolean; readonly signal?: AbortSignal },
): Promise<BlockWriter> {
  const writer = randomUUID();
  const digest = planDigest(plan);
  await environment.transact("driver.write", (transaction) =>
    adoptPlan(transaction, { plan, digest, writer, replace: options.replace === true, path: environment.path }),
  );
  const layers = readProgress(environment);
  const written = ({ whole, filled }: LayerState): number => whole + filled;
  checkSpace(environment, layers.values());
  const committed = new Map([...layers].map(([layer, state]) => [layer, written(state)]));
  let closed = false;
  /** One thing is done after the other. */
  let last: Promise<unknown> = Promise.resolve();
  const queued = <Result>(operation: string, run: () => Promise<Result>): Promise<Result> => {
    const done = last.then(() => {
      if (closed) throw writerClosed(operation);
      return run();
    });
    last = done.catch(() => {}); // told to its caller
    return done;
  };

  /** Commits the rows in `block`, be it full or not: one that is not is written again when it has grown. */
  const commitBlock = async (state: LayerState): Promise<void> => {
    const { record, block, whole, filled } = state;
    if (block === undefined || written(state) === committed.get(record.layer)) return;
    const bytes = block.subarray(0, filled * record.table.rowBytes);
    await environment.transact(OPERATION, (transaction) => {
      checkOwner(transaction, writer);
      transaction.put(rowKey(KIND.block, record.id, whole / record.blockRows), bytes);
    });
    committed.set(record.layer, whole + filled);
    if (filled < record.blockRows) return;
    state.whole += filled;
    state.filled = 0;
  };

  const append = async (state: LayerState, rows: Uint8Array): Promise<void> => {
    const { table, blockRows } = state.record;
    const { rowBytes } = table;
    for (let from = 0; from < rows.length; ) {
      options.signal?.throwIfAborted();
      const taken = Math.min(rows.length - from, (blockRows - state.filled) * rowBytes);
      state.block ??= new Uint8Array(Math.min(blockRows, table.rows) * rowBytes);
      state.block.set(rows.subarray(from, from + taken), state.filled * rowBytes);
      state.filled += taken / rowBytes;
      from += taken;
      if (state.filled === blockRows) await commitBlock(state);
    }
  };

  return {
    committed,
    write: (layer, firstRow, rows) => queued(OPERATION, () => append(checkRows(layers, layer, firstRow, rows), rows)),
    finish: (digests) =>
      queued("writer.finish", async () => {
        for (const state of layers.values()) checkComplete(state, written(state));
        for (const state of layers.values()) await commitBlock(state);
        const tables = [...layers.values()].map(({ record }) => withDigest(record, digests?.get(record.layer)));
        const manifest = plan.manifest === undefined ? undefined : manifestOf(plan.manifest, tables);
        await environment.transact("writer.finish", (transaction) => publish(transaction, writer, tables, manifest));
        closed = true;
        await removeRetired(environment);
        return manifest;
      }),
    async close() {
      await last;
      if (closed) return;
      try {
        for (const state of layers.values()) await commitBlock(state);
      } finally {
        closed = true;
      }
    },
  };
}

/** How far the pending tables are. */
function readProgress(environment: Environment): Map<number, LayerState> {
  const layers = new Map<number, LayerState>();
  const snapshot = environment.snapshot();
  try {
    for (const record of readPending(snapshot)?.tables ?? []) {
      const { table, blockRows, id, layer } = record;
      let blocks = 0;
      for (const index of snapshot.indexes(KIND.block, id)) if (index === blocks) blocks++;
      const state: LayerState = { record, whole: blocks * blockRows, filled: 0, block: undefined };
      const lastBlock = blocks === 0 ? undefined : snapshot.peek(rowKey(KIND.block, id, blocks - 1));
      const filled = lastBlock === undefined ? blockRows : lastBlock.length / table.rowBytes;
      if (lastBlock !== undefined && filled < blockRows) {
        state.whole -= blockRows;
        state.filled = filled;
        state.block = new Uint8Array(Math.min(blockRows, table.rows) * table.rowBytes);
        state.block.set(lastBlock.subarray(0, filled * table.rowBytes));
      }
      layers.set(layer, state);
    }
  } finally {
    snapshot.release();
  }
  return layers;
}

function checkRows(
  layers: ReadonlyMap<number, LayerState>,
  layer: number,
  firstRow: number,
  rows: Uint8Array,
): LayerState {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: OPERATION, message, context: { layer, firstRow } });
  };
  const state = layers.get(layer);
  if (state === undefined)
    return refuse(`layer ${layer} is not in the plan, which has ${[...layers.keys()].join(", ")}`);
  const { rows: all, rowBytes } = state.record.table;
  if (!(rows instanceof Uint8Array) || rows.length % rowBytes !== 0) {
    return refuse(`rows must be a Uint8Array of whole rows, ${rowBytes} bytes each`);
  }
  const next = state.whole + state.filled;
  if (firstRow !== next) refuse(`the next row of layer ${layer} is ${next}, and these start at ${firstRow}`);
  const end = next + rows.length / rowBytes;
  if (end > all) refuse(`layer ${layer} has ${all} rows, and these end at ${end}`);
  return state;
}

function checkComplete({ record }: LayerState, found: number): void {
  const { rows } = record.table;
  if (found === rows) return;
  throw new EngramError({
    code: "invalid-argument",
    operation: "writer.finish",
    message: `layer ${record.layer} has ${found} rows so far, and its table ${rows}; write the others first`,
    context: { layer: record.layer, found, rows },
  });
}

function withDigest(record: TableRecord, digest: string | undefined): TableRecord {
  return digest === undefined ? record : { ...record, table: { ...record.table, digest } };
}

/** The parts of a manifest are of plain files, so each table has the one part that a copy of it to a file would have. */
function manifestOf(manifest: Omit<Manifest, "modules">, tables: readonly TableRecord[]): Manifest {
  const modules = tables.map(({ layer, table }): ManifestModule => {
    const { rows, rowBytes, encoding, digest } = table;
    const data = { uri: `layer-${layer}.rows`, bytes: rows * rowBytes, offset: 0, stride: rowBytes };
    return { layer, rows, encoding, ...(digest === undefined ? {} : { digest }), parts: [{ firstRow: 0, rows, data }] };
  });
  return { ...manifest, modules };
}

function planDigest({ manifest, tables }: WritePlan): string {
  return createHash("sha256")
    .update(JSON.stringify([manifest ?? null, [...tables]]))
    .digest("hex");
}

function writerClosed(operation: string): EngramError {
  return new EngramError({
    code: "store-closed",
    operation,
    message: "the writer is closed; open another one, which goes on with what was committed",
  });
}
