// Memory in front of other tables: all rows are loaded, exactly, by reads that the store inside can take, and what is
// inside is closed with it.

import {
  deterministicRows,
  EngramError,
  type Manifest,
  type OpenedTables,
  type RowStore,
  tableInfo,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { dramDriver, dramStore } from "../src/index.js";

const sizes = [1, 63, 64, 65, 4099];
const tables = [
  ...sizes.map((rows) => tableInfo({ rows, encoding: { kind: "bf16", width: 8 } })),
  tableInfo({ rows: 1100, encoding: { kind: "f32", width: 4096 } }), // more than one run of rows is loaded at once
];

/** Tables as a driver would open them; stores take at most `maxBatch` rows. */
function inside(maxBatch: number): OpenedTables & { closed: number } {
  const opened = {
    closed: 0,
    manifest: {} as Manifest, // passed through, never read
    tables: new Map<number, RowStore>(
      tables.map((table, layer) => {
        const all = deterministicRows(table, layer);
        const initialize = (first: number, rows: Uint8Array): void => {
          rows.set(all.subarray(first * table.rowBytes, first * table.rowBytes + rows.length));
        };
        return [layer, dramStore({ table, initialize, maxBatch })];
      }),
    ),
    tokenMap: () => Promise.resolve(Uint8Array.of(1, 2)),
    async close() {
      opened.closed++;
      await Promise.all([...opened.tables.values()].map((store) => store.close()));
    },
  };
  return opened;
}

describe("dramDriver", () => {
  it.each([64, 1000, 2 ** 20])("loads every row where the store inside takes %i at once", async (maxBatch) => {
    const source = inside(maxBatch);
    const opened = await dramDriver({ hugePages: "off" }).openOver?.(source);
    if (opened === undefined) throw new Error("the driver cannot load");
    for (const [layer, store] of opened.tables) {
      expect(store.capabilities.resident).toBe(true);
      const ids = Uint32Array.from({ length: store.table.rows }, (_, row) => row);
      const ticket = store.prefetch(ids);
      await ticket.ready;
      const out = new Uint8Array(ids.length * store.table.rowBytes);
      ticket.gather(out);
      ticket.release();
      expect(Buffer.compare(out, deterministicRows(store.table, layer))).toBe(0);
    }
    expect(await opened.tokenMap?.()).toEqual(Uint8Array.of(1, 2));
    await opened.close();
    expect(source.closed).toBe(1);
  });

  it("fails with what reading fails with, also when it is called off", async () => {
    const source = inside(64);
    await source.close();
    await expect(dramDriver().openOver?.(source)).rejects.toMatchObject({ code: "store-closed" });
    const other = inside(64);
    const aborted = dramDriver().openOver?.(other, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: "aborted" });
    await other.close();
  });

  it("opens nothing by itself, and says what to write", async () => {
    const opening = dramDriver().open("dram:");
    await expect(opening).rejects.toBeInstanceOf(EngramError);
    await expect(opening).rejects.toThrow("dram > file:./folder");
  });
});
