// Commits that are kept back: the conformance suite with memory for few rows and for all, then what reaches the store behind,
// when, and what a store behind that fails costs.

import { EngramError, isEngramError, tableInfo, type WritableRowStore, writeBack } from "@engram-ts/core";
import { type ConformanceTarget, runConformance, storeModelProperty } from "@engram-ts/store-kit";
import { describe, expect, it, test } from "vitest";
import { scriptedStore } from "./scripted-store.js";

/** Of a row's place in the memory. */
const SLOT_BYTES = 44;

const kept = (rows: number, arrival: "now" | "soon"): ConformanceTarget => ({
  name: `writeBack with memory for ${rows} rows over rows there ${arrival}`,
  open: async (table, content) =>
    writeBack(scriptedStore(table, content, { arrival }), { bytes: rows * (table.rowBytes + SLOT_BYTES) }),
});

runConformance({ describe, test }, [kept(3, "now"), kept(1000, "soon")]);

test.each([1, 2, 5, 1000])("writeBack with memory for %i rows answers as an array of rows does", (rows) =>
  storeModelProperty(kept(rows, "soon"), { runs: 40 }),
);

const table = tableInfo({ rows: 20, encoding: { kind: "f32", width: 1 } });

/** A store of 20 zeros, its commits, and how to make the next ones fail. */
function behind() {
  const inner = scriptedStore(table, new Uint8Array(80), { arrival: "now" });
  const commits: number[][] = [];
  let broken = false;
  const store: WritableRowStore = {
    ...inner,
    begin() {
      const rows: number[] = [];
      const transaction = inner.begin();
      return {
        ...transaction,
        put(rowIds, content) {
          rows.push(...rowIds);
          return transaction.put(rowIds, content);
        },
        async commit() {
          if (broken) throw new EngramError({ code: "out-of-space", operation: "commit", message: "the disk is full" });
          commits.push(rows);
          await transaction.commit();
        },
      };
    },
  };
  const fail = (fails: boolean): void => {
    broken = fails;
  };
  return { inner, store, commits, fail };
}

async function put(store: WritableRowStore, value: number, ...rows: number[]): Promise<void> {
  const transaction = store.begin();
  const values = new Float32Array(rows.length).fill(value);
  await transaction.put(Uint32Array.from(rows), new Uint8Array(values.buffer));
  await transaction.commit();
}

async function values(store: WritableRowStore, ...rows: number[]): Promise<number[]> {
  const ticket = store.prefetch(Uint32Array.from(rows));
  await ticket.ready;
  const out = new Float32Array(rows.length);
  ticket.decode(out);
  ticket.release();
  return [...out];
}

const room = (rows: number) => ({ bytes: rows * (4 + SLOT_BYTES) });

describe("rows that are kept back", () => {
  it("are written when the memory is full, those that changed the longest ago first, each once", async () => {
    const { inner, store, commits } = behind();
    const own = writeBack(store, room(4));
    await put(own, 1, 9, 3);
    await put(own, 2, 7, 5);
    await put(own, 3, 9);
    expect(commits).toEqual([]);
    await put(own, 4, 11);
    expect(commits).toEqual([[3]]);
    expect(await values(own, 9, 3, 7, 5, 11, 0)).toEqual([3, 1, 2, 2, 4, 0]);
    expect(await values(inner, 9, 3, 7)).toEqual([0, 1, 0]);
    expect(own.stats().hits).toEqual({ unwritten: 4, inner: 5 });
    await own.flush();
    expect(commits).toEqual([[3], [5, 7, 9, 11]]);
    await own.flush();
    await put(own, 5, 1, 2); // of rows that are written only the room is taken
    expect(commits).toHaveLength(2);
    await own.close();
    expect(commits.slice(2)).toEqual([[1, 2]]);
  });

  it("go straight to the store behind where they are more than the memory holds", async () => {
    const { inner, store, commits } = behind();
    const own = writeBack(store, room(3));
    await put(own, 1, 2, 3);
    await put(own, 2, 3, 4, 5, 6);
    expect(commits).toEqual([[3, 4, 5, 6]]);
    expect(await values(own, 2, 3, 6)).toEqual([1, 2, 2]);
    await own.flush();
    expect(await values(inner, 2, 3, 6)).toEqual([1, 2, 2]); // an older content does not come after
  });

  it("are all there still when the store behind fails, and are written once it works again", async () => {
    const { inner, store, fail } = behind();
    const own = writeBack(store, room(2));
    await put(own, 1, 4, 5);
    fail(true);
    const full = (error: unknown) => isEngramError(error, "out-of-space");
    await expect(put(own, 2, 6)).rejects.toSatisfy(full);
    await expect(put(own, 2, 4, 5, 6)).rejects.toSatisfy(full);
    await expect(own.flush()).rejects.toSatisfy(full);
    expect(await values(own, 4, 5, 6)).toEqual([1, 1, 0]);
    await put(own, 3, 4); // is in the memory, and stays there
    fail(false);
    await own.flush();
    expect(await values(inner, 4, 5, 6)).toEqual([3, 1, 0]);
    await put(own, 8, 4);
    fail(true);
    await expect(own.close()).rejects.toSatisfy(full);
    expect(() => inner.prefetch(Uint32Array.of(0))).toThrow(/closed/);
  });

  it("need room for one row", () => {
    expect(() => writeBack(behind().store, { bytes: 47 })).toThrow(/bytes is 47, and a row with its place takes 48/);
    expect(() => writeBack(behind().store, { bytes: Number.NaN })).toThrow(/bytes is NaN/);
  });
});
