import { existsSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { decodeRows, tableInfo } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LmdbStoreOptions, lmdbStore } from "../src/index.js";
import { codeOf, read, rowsOf, temporaryFolder, V41_ROW, wrongRow } from "./table-plan.js";

/** 63,565 rows of 264 bytes make a block. */
const BLOCK_ROWS = 63_565;

function open(path: string, rows: number, options: Partial<LmdbStoreOptions> = {}, encoding = V41_ROW) {
  const table = tableInfo({ rows, encoding });
  const initialize = (firstRow: number, into: Uint8Array) => {
    into.set(rowsOf(table, 1, firstRow, into.length / table.rowBytes));
  };
  return lmdbStore({ path, layer: 1, table, initialize, ...options });
}

describe("lmdbStore over several blocks", () => {
  it("maps whole blocks, and gathers and decodes rows on every side of their boundaries", async () => {
    const store = await open(temporaryFolder(), 2 * BLOCK_ROWS + 5);
    expect(store.diagnostics).toEqual({ blocks: 3, copiedBytes: 5 * 264 });
    const last = 2 * BLOCK_ROWS + 4;
    for (const length of [0, 1, 15, 16, 17, 48, 5_000]) {
      const near = [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS - 1, 2 * BLOCK_ROWS, last];
      const ids = Uint32Array.from({ length }, (_, i) => near[i] ?? (Math.imul(i, 0x9e37_79b1) >>> 0) % BLOCK_ROWS);
      const expected = Buffer.concat(Array.from(ids, (row) => rowsOf(store.table, 1, row, 1)));
      const rows = await read(store, ids);
      expect(Buffer.compare(rows, expected)).toBe(0);
      const odd = new Uint8Array(length * 264 + 1).subarray(1); // outputs that are no whole words
      const ticket = store.prefetch(ids);
      expect(ticket.settled).toBe(true); // read just before
      ticket.gather(odd);
      expect(Buffer.compare(odd, expected)).toBe(0);
      const values = new Float32Array(length * 256);
      ticket.decode(values);
      const plain = new Float32Array(length * 256);
      decodeRows(V41_ROW, new Uint8Array(expected), plain);
      expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from(plain.buffer))).toBe(0);
      ticket.release();
    }
    expect(await wrongRow(store, 1)).toBeUndefined();
    await store.close();
  });

  it.each(["commit", "close"] as const)(
    "keeps a ticket's rows through commits, and rows through opening again, durable at each %s",
    async (durability) => {
      const path = temporaryFolder();
      let store = await open(path, BLOCK_ROWS + 100, { durability });
      const ids = Uint32Array.of(7, BLOCK_ROWS - 1, BLOCK_ROWS + 3, 7);
      const before = await read(store, ids);
      const ticket = store.prefetch(ids);
      for (const byte of [1, 2]) {
        const transaction = store.begin();
        await transaction.put(ids.subarray(0, 3), new Uint8Array(3 * 264).fill(byte));
        await transaction.commit();
      }
      const old = new Uint8Array(before.length);
      ticket.gather(old);
      expect(Buffer.compare(old, before)).toBe(0);
      ticket.release();
      const after = new Uint8Array(4 * 264).fill(2);
      expect(await read(store, ids)).toEqual(after);
      await store.close();
      store = await lmdbStore({ path });
      expect(await read(store, ids)).toEqual(after);
      expect(await read(store, Uint32Array.of(8))).toEqual(rowsOf(store.table, 1, 8, 1));
      await store.close();
    },
  );

  it("answers as an array of rows under random commits, tickets and refreshes", async () => {
    const rows = BLOCK_ROWS + 9;
    const path = temporaryFolder();
    const store = await open(path, rows);
    const other = await lmdbStore({ path, refreshMs: 0 });
    const model = new Map<number, number>();
    const id = fc.constantFrom(0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, rows - 1);
    const step = fc.oneof(
      fc.record({ commit: fc.array(id, { maxLength: 4 }), byte: fc.nat(255) }),
      fc.record({ ask: fc.array(id, { maxLength: 6 }) }),
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const expectedOf = (ids: readonly number[]) =>
        Buffer.concat(
          ids.map((row) => {
            const byte = model.get(row);
            return byte === undefined ? rowsOf(store.table, 1, row, 1) : new Uint8Array(264).fill(byte);
          }),
        );
      const held = [];
      for (const one of steps) {
        if ("commit" in one) {
          const transaction = store.begin();
          await transaction.put(Uint32Array.from(one.commit), new Uint8Array(one.commit.length * 264).fill(one.byte));
          await transaction.commit();
          for (const row of one.commit) model.set(row, one.byte);
          continue;
        }
        for (const asked of [store, other]) {
          held.push({ ticket: asked.prefetch(Uint32Array.from(one.ask)), expected: expectedOf(one.ask) });
        }
      }
      for (const { ticket, expected } of held) {
        await ticket.ready;
        const out = new Uint8Array(expected.length);
        ticket.gather(out);
        expect(Buffer.compare(out, expected)).toBe(0);
        ticket.release();
      }
    });
    await fc.assert(property, { numRuns: 25 });
    await Promise.all([store.close(), other.close()]);
  });

  it("sees the commits of others with its own, and of a row that is put twice the last", async () => {
    const path = temporaryFolder();
    const store = await open(path, 20, { durability: "close", refreshMs: 1e6 });
    const other = await lmdbStore({ path, refreshMs: 1e6 }); // which asks for each commit to be on disk
    const put = async (by: typeof store, byte: number, ...rows: number[]) => {
      const transaction = by.begin();
      for (const row of rows) await transaction.put(Uint32Array.of(row, row), new Uint8Array(2 * 264).fill(byte, 264));
      await transaction.put(Uint32Array.from(rows), new Uint8Array(rows.length * 264).fill(byte));
      await transaction.commit();
    };
    const found = async (by: typeof store) => {
      const rows = await read(by, Uint32Array.of(3, 5, 6));
      return [rows[0], rows[264], rows[528]];
    };
    await put(store, 1, 3, 5);
    await put(store, 2, 3);
    expect(await found(store)).toEqual([2, 1, rowsOf(store.table, 1, 6, 1)[0]]);
    await put(other, 9, 6);
    await put(store, 4, 5);
    expect(await found(store)).toEqual([2, 4, 9]);
    await put(other, 7, 3);
    expect(await found(other)).toEqual([7, 4, 9]);
    await other.close();
    await store.close();
    await expect(lmdbStore({ path, durability: "never" as "close" })).rejects.toThrow(
      /durability is never; use commit or close/,
    );
  });

  it("reads rows of odd sizes, which are copied byte by byte", async () => {
    const encoding = { kind: "fp8-e4m3", width: 1_023, scale: 1 } as const;
    const store = await open(temporaryFolder(), 16_420, {}, encoding);
    expect(store.diagnostics.blocks).toBe(2);
    expect(await wrongRow(store, 1)).toBeUndefined();
    await store.close();
  });

  it("reads and keeps rows that no build can map only within copyBytes", async () => {
    const path = temporaryFolder();
    const store = await open(path, 50, { copyBytes: 50 * 264 });
    expect(store.diagnostics.copiedBytes).toBe(50 * 264);
    await store.close();
    expect(await codeOf(() => lmdbStore({ path, copyBytes: 50 * 264 - 1 }))).toBe("unsupported");
  });
});

describe("lmdbStore", () => {
  it("goes on reading while other tickets of the store are given back, closed and made again", async () => {
    const path = temporaryFolder();
    const first = await open(path, 40);
    const [second, third] = await Promise.all([open(path, 40), open(path, 40)]);
    const ticket = first.prefetch(Uint32Array.of(1));
    await Promise.all([second.close(), first.close()]);
    ticket.release();
    expect(await wrongRow(third, 1)).toBeUndefined();
    await third.close();
    const again = await lmdbStore({ path });
    expect(await wrongRow(again, 1)).toBeUndefined();
    await again.close();
  });

  it("gives zeros for rows that have not come at a deadline, and the others", async () => {
    const path = temporaryFolder();
    await (await open(path, 2 * BLOCK_ROWS)).close();
    const store = await lmdbStore({ path });
    const ids = Uint32Array.from({ length: 20_000 }, (_, i) => i * 6);
    const ticket = store.prefetch(ids, { deadlineMs: 0, onMiss: "zero" });
    expect(ticket.settled).toBe(false);
    await ticket.ready;
    const rows = new Uint8Array(ids.length * 264);
    ticket.gather(rows);
    let zeroed = 0;
    ids.forEach((row, i) => {
      const found = rows.subarray(i * 264, (i + 1) * 264);
      if (found.every((byte) => byte === 0)) zeroed++;
      else if (Buffer.compare(found, rowsOf(store.table, 1, row, 1)) !== 0) throw new Error(`row ${row} is wrong`);
    });
    expect(zeroed).toBeGreaterThan(0);
    expect(store.stats()).toMatchObject({ deadlineMisses: 1, zeroedRows: zeroed });
    ticket.release();
    await store.close();
  });

  it("says what is wrong with options, paths and tables, and makes nothing where it only reads", async () => {
    const path = temporaryFolder();
    const missing = join(path, "missing");
    expect(await codeOf(() => lmdbStore({ path: missing }))).toBe("not-found");
    expect(existsSync(missing)).toBe(false);
    for (const options of [{ path: "" }, { path, maxBatch: 0 }, { path, refreshMs: -1 }, { path, layer: -1 }]) {
      expect(await codeOf(() => lmdbStore(options))).toBe("invalid-argument");
    }
    await (await open(join(path, "a.folder"), 10)).close();
    const table = tableInfo({ rows: 11, encoding: V41_ROW });
    expect(await codeOf(() => lmdbStore({ path: join(path, "a.folder"), table }))).toBe("manifest-mismatch");
    expect(await codeOf(() => lmdbStore({ path: join(path, "a.folder"), layer: 2 }))).toBe("not-found");
  });

  it("refuses a data file that was cut short, before it touches what is missing", async () => {
    const path = temporaryFolder();
    await (await open(path, BLOCK_ROWS + 1)).close();
    truncateSync(join(path, "data.mdb"), 2 ** 20);
    expect(await codeOf(() => lmdbStore({ path }))).toBe("truncated");
  });
});
