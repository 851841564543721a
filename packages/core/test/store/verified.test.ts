import { createHash } from "node:crypto";
import { digestRows, type RowDigests, rowChunks, type Ticket, tableInfo, verified } from "@engram-ts/core";
import { deterministicRows, runConformance } from "@engram-ts/store-kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scriptedStore } from "./scripted-store.js";

const TABLE = tableInfo({ rows: 30, encoding: { kind: "bf16", width: 3 } });
const ROWS = deterministicRows(TABLE, 5);
const pick = (rows: readonly number[]): number[] =>
  rows.flatMap((id) => [...ROWS.subarray(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes)]);

/** The digests by Node's own SHA-256, block by block. */
function nodeDigests(blockRows: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let first = 0; first < TABLE.rows; first += blockRows) {
    const bytes = ROWS.subarray(first * TABLE.rowBytes, (first + blockRows) * TABLE.rowBytes);
    blocks.push(createHash("sha256").update(bytes).digest());
  }
  return Uint8Array.from(blocks.flatMap((digest) => [...digest]));
}

const digestsOf = (blockRows: number): RowDigests => ({ blockRows, digests: nodeDigests(blockRows) });

function gathered(ticket: Ticket): number[] {
  const out = new Uint8Array(ticket.length * TABLE.rowBytes).fill(0xa5);
  ticket.gather(out);
  return [...out];
}

describe("digestRows", () => {
  test.each([1, 4, 7, 29, 30, 31, 1000])("blocks of %d rows, as Node digests them", async (blockRows) => {
    for (const cut of [1, 5, TABLE.rowBytes, ROWS.length]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < ROWS.length; at += cut) chunks.push(ROWS.subarray(at, at + cut));
      expect(await digestRows(TABLE, chunks, { blockRows })).toEqual(digestsOf(blockRows));
    }
  });

  test("of a store, read in chunks that do not exceed its batches", async () => {
    for (const arrival of ["now", "soon"] as const) {
      const store = scriptedStore(TABLE, ROWS.slice(), { arrival, maxBatch: 7 });
      expect(await digestRows(TABLE, rowChunks(store), { blockRows: 8 })).toEqual(digestsOf(8));
      expect(store.reads.map(({ rowIds }) => rowIds.length)).toEqual([7, 7, 7, 7, 2]);
      expect(store.stats().openTickets).toBe(0);
    }
  });

  test("reading that is broken off leaves no ticket open", async () => {
    const store = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    for await (const chunk of rowChunks(store, { chunkRows: 4 })) {
      expect(chunk).toEqual(ROWS.slice(0, 4 * TABLE.rowBytes));
      break;
    }
    expect(store.stats().openTickets).toBe(0);
  });

  test("too few or too many bytes are refused", async () => {
    const digest = (...chunks: Uint8Array[]) => digestRows(TABLE, chunks, { blockRows: 8 });
    await expect(digest(ROWS.subarray(1))).rejects.toMatchObject({ code: "truncated" });
    await expect(digest()).rejects.toMatchObject({ code: "truncated" });
    await expect(digest(ROWS, ROWS.subarray(0, 1))).rejects.toMatchObject({ code: "truncated" });
    await expect(digestRows(TABLE, [ROWS], { blockRows: 0 })).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("verified", () => {
  test("a first touch reads whole blocks, later ones only their rows", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    const store = verified(inner, digestsOf(8));
    const first = store.prefetch(Uint32Array.of(9, 29, 9));
    await first.ready;
    expect(gathered(first)).toEqual(pick([9, 29, 9]));
    expect(inner.reads.map(({ rowIds }) => [...rowIds])).toEqual([
      [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29],
    ]);
    expect(store.verifiedBlocks()).toEqual({ verified: 2, blocks: 4 });
    const second = store.prefetch(Uint32Array.of(15, 24));
    expect(second.settled).toBe(true);
    expect(gathered(second)).toEqual(pick([15, 24]));
    const mixed = store.prefetch(Uint32Array.of(0, 10));
    await mixed.ready;
    expect(gathered(mixed)).toEqual(pick([0, 10]));
    expect(inner.reads.slice(2).map(({ rowIds }) => [...rowIds])).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], [10]]);
    expect(store.stats().hits).toEqual({ verified: 5, trusted: 2 });
    for (const ticket of [first, second, mixed]) ticket.release();
    expect(inner.stats().openTickets).toBe(0);
  });

  test("one wrong bit anywhere fails the tickets that touch its block, and no other", async () => {
    const property = fc.asyncProperty(
      fc.nat(ROWS.length - 1),
      fc.nat(7),
      fc.constantFrom(1, 8, 30),
      async (at, bit, blockRows) => {
        const damaged = ROWS.slice();
        damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
        const store = verified(scriptedStore(TABLE, damaged, { arrival: "soon" }), digestsOf(blockRows));
        const block = Math.floor(at / TABLE.rowBytes / blockRows);
        for (let row = 0; row < TABLE.rows; row++) {
          const ticket = store.prefetch(Uint32Array.of(row));
          if (Math.floor(row / blockRows) === block) {
            await expect(ticket.ready).rejects.toMatchObject({
              code: "digest-mismatch",
              context: { block, firstRow: block * blockRows },
            });
            expect(() => gathered(ticket)).toThrow(/digested/);
          } else {
            await ticket.ready;
            expect(gathered(ticket)).toEqual(pick([row]));
          }
          ticket.release();
        }
      },
    );
    await fc.assert(property, { numRuns: 12 });
  });

  test("every byte of a digest counts, and digests changed after opening do not", async () => {
    for (let i = 0; i < 32; i++) {
      const digests = nodeDigests(30);
      digests[i] = (digests[i] ?? 0) ^ 0x10;
      const store = verified(scriptedStore(TABLE, ROWS.slice(), { arrival: "now" }), { blockRows: 30, digests });
      await expect(store.prefetch(Uint32Array.of(1)).ready).rejects.toMatchObject({ code: "digest-mismatch" });
    }
    const digests = nodeDigests(8);
    const store = verified(scriptedStore(TABLE, ROWS.slice(), { arrival: "now" }), { blockRows: 8, digests });
    digests.fill(0);
    await store.prefetch(Uint32Array.of(1)).ready;
  });

  test("a damaged transfer is read right the next time", async () => {
    const rows = ROWS.slice();
    const inner = scriptedStore(TABLE, rows, { arrival: "now" });
    const store = verified(inner, digestsOf(8));
    rows[3] = (rows[3] ?? 0) ^ 1;
    const bad = store.prefetch(Uint32Array.of(1));
    await expect(bad.ready).rejects.toMatchObject({ code: "digest-mismatch", retry: "later" });
    rows.set(ROWS);
    const good = store.prefetch(Uint32Array.of(1));
    await good.ready;
    expect(gathered(good)).toEqual(pick([1]));
  });

  test("damage that comes later is seen where every read is verified, and not where blocks are trusted", async () => {
    for (const verify of ["first-touch", "every-read"] as const) {
      let damaged = false;
      const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
      const store = verified(
        {
          ...inner,
          prefetch(rowIds, options) {
            const ticket = inner.prefetch(rowIds, options);
            const gather = (out: Uint8Array): void => {
              ticket.gather(out);
              if (damaged) out[0] = (out[0] ?? 0) ^ 1;
            };
            return {
              length: ticket.length,
              settled: true,
              ready: ticket.ready,
              gather,
              decode: () => {},
              release: () => {},
            };
          },
        },
        { ...digestsOf(8), verify },
      );
      await store.prefetch(Uint32Array.of(1)).ready;
      damaged = true;
      const again = store.prefetch(Uint32Array.of(1));
      if (verify === "every-read") await expect(again.ready).rejects.toMatchObject({ code: "digest-mismatch" });
      else await again.ready;
      if (verify === "first-touch") expect(gathered(again)).not.toEqual(pick([1]));
    }
  });

  test("many blocks are verified in pieces that fit the memory and the batches given", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "soon", maxBatch: 10 });
    const store = verified(inner, { ...digestsOf(4), chunkBytes: 1 });
    const asked = [29, 3, 17, 8, 21];
    const ticket = store.prefetch(Uint32Array.from(asked));
    await ticket.ready;
    expect(gathered(ticket)).toEqual(pick(asked));
    expect(inner.reads.map(({ rowIds }) => rowIds.length)).toEqual([2, 4, 4, 4, 4]);
  });

  test("a sample verifies its share and lets the rest through", async () => {
    const damaged = ROWS.slice();
    damaged[0] = (damaged[0] ?? 0) ^ 1;
    const draws = [0.9, 0.1];
    const inner = scriptedStore(TABLE, damaged, { arrival: "now" });
    const store = verified(inner, { ...digestsOf(8), sampleRatio: 0.5, random: () => draws.shift() ?? 0 });
    const unseen = store.prefetch(Uint32Array.of(0));
    await unseen.ready;
    expect(gathered(unseen)).not.toEqual(pick([0]));
    await expect(store.prefetch(Uint32Array.of(0)).ready).rejects.toMatchObject({ code: "digest-mismatch" });
  });

  test("a deadline gives zeros for the blocks that have not been verified", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "script" });
    const store = verified(inner, digestsOf(8));
    const ticket = store.prefetch(Uint32Array.of(1, 2), { deadlineMs: 0, onMiss: "zero", priority: 4 });
    expect(inner.reads[0]?.options).toEqual({ priority: 4 });
    await ticket.ready;
    expect(gathered(ticket)).toEqual(new Array(2 * TABLE.rowBytes).fill(0));
    expect(store.stats()).toMatchObject({ zeroedRows: 2, deadlineMisses: 1 });
  });

  test("digests that do not fit the table are refused", () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now", maxBatch: 10 });
    expect(() => verified(inner, { ...digestsOf(8), blockRows: 7 })).toThrow(/digests/);
    expect(() => verified(inner, { ...digestsOf(8), digests: new Uint8Array(0) })).toThrow(/digests/);
    expect(() => verified(inner, digestsOf(16))).toThrow(/smaller blocks/);
    expect(() => verified(inner, { ...digestsOf(8), sampleRatio: 1.1 })).toThrow(/sampleRatio/);
    expect(() => verified(inner, { ...digestsOf(8), chunkBytes: 0 })).toThrow(/chunkBytes/);
    const never = "never" as "every-read"; // as a caller without types may pass it
    expect(() => verified(inner, { ...digestsOf(8), verify: never })).toThrow(/verify/);
  });
});

runConformance({ describe, test }, [
  {
    name: "verified over a slow store",
    open: async (table, rows) => {
      const digests = await digestRows(table, [rows], { blockRows: 8 });
      return verified(scriptedStore(table, rows, { arrival: "soon" }), digests);
    },
  },
  {
    name: "verified before, over a resident store",
    open: async (table, rows) => {
      const digests = await digestRows(table, [rows], { blockRows: 16 });
      return verified(scriptedStore(table, rows, { arrival: "now" }), { ...digests, sampleRatio: 0 });
    },
  },
]);
