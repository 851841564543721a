// A small model's tables to write: two layers, rows made from their ids.
import { createAddressing, type RowEncoding, type TableInfo, type TablePlan, tableInfo } from "@engram-ts/core";
import { fillRows } from "@engram-ts/store-kit";

const config = {
  kind: "engram",
  vocabSize: 50,
  seed: 3,
  layers: [1, 15],
  tableSizes: [400, 500],
  headsPerOrder: 2,
  padId: 2,
} as const;
/** Layer `l` has the rows of seed `ROW_SEED + l`. */
export const ROW_SEED = 5;

/** A plan of these layers, and their rows. */
export function tablePlan(encoding: RowEncoding, layers: readonly number[] = [1, 15]) {
  const derived = createAddressing(config, { kernel: "typescript" }).derivation();
  const tables = new Map<number, TableInfo>();
  for (const layer of layers) {
    const rows = derived.layers.find((entry) => entry.layer === layer)?.rows ?? 0;
    tables.set(layer, tableInfo({ rows, encoding }));
  }
  const plan: TablePlan = { manifest: { format: "engram", version: 1, addressing: config, derived }, tables };
  const rowsOf = (layer: number, firstRow: number, count: number): Uint8Array => {
    const table = tables.get(layer) ?? tableInfo({ rows: 1, encoding });
    const out = new Uint8Array(count * table.rowBytes);
    fillRows(table, ROW_SEED + layer, firstRow, out);
    return out;
  };
  return { plan, tables, rowsOf };
}
