import { createRequire } from "node:module";
import { type TableInfo, tableInfo } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openLmdbCache } from "../src/index.js";
import { KIND, rowKey } from "../src/lmdb-keys.js";
import { codeOf, rowsOf, temporaryFolder, V41_ROW } from "./table-plan.js";

const digest = `sha256:${"1".repeat(64)}`;
const table = tableInfo({ rows: 5_000, encoding: V41_ROW, digest });
/** A row, its checksum, its key and what LMDB adds. */
const ENTRY_BYTES = 264 + 4 + 24;

async function fill(cache: Awaited<ReturnType<typeof openLmdbCache>>, ids: readonly number[]): Promise<void> {
  const rows = Buffer.concat(ids.map((row) => rowsOf(table, 1, row, 1)));
  await cache.fill(Uint32Array.from(ids), new Uint8Array(rows));
}

/** Looks rows up; the places found, each of them checked. */
async function found(cache: Awaited<ReturnType<typeof openLmdbCache>>, ids: readonly number[]): Promise<number[]> {
  const out = new Uint8Array(ids.length * 264).fill(0xa5);
  const marks = new Uint8Array(ids.length);
  const added = await cache.lookup(Uint32Array.from(ids), out, marks);
  const here: number[] = [];
  ids.forEach((row, i) => {
    const bytes = out.subarray(i * 264, (i + 1) * 264);
    const expected = marks[i] === 1 ? rowsOf(table, 1, row, 1) : new Uint8Array(264).fill(0xa5);
    if (Buffer.compare(bytes, expected) !== 0) throw new Error(`row ${row} is wrong`);
    if (marks[i] === 1) here.push(row);
  });
  expect(added).toBe(here.length);
  return here;
}

describe("openLmdbCache", () => {
  it("finds what was filled, also after it was opened again, and counts", async () => {
    const path = temporaryFolder();
    const cache = await openLmdbCache({ path, layer: 1, table });
    expect(await found(cache, [1, 2])).toEqual([]);
    await fill(cache, [1, 4_999, 0]);
    expect(await found(cache, [2, 1, 4_999, 1])).toEqual([1, 4_999, 1]);
    expect(cache.stats()).toEqual({ lookups: 6, found: 3, filled: 3, damaged: 0 });
    await cache.close();
    await cache.close();
    expect(await found(cache, [1])).toEqual([]);
    const again = await openLmdbCache({ path, layer: 1, table });
    expect(await found(again, [0, 3, 1])).toEqual([0, 1]);
    await again.close();
  });

  it("looks only for what was not found before, and finds large batches on other threads", async () => {
    const cache = await openLmdbCache({ path: temporaryFolder(), layer: 1, table });
    const ids = Array.from({ length: 2_000 }, (_, i) => i);
    await fill(cache, ids);
    const marks = Uint8Array.of(1, 0);
    const out = new Uint8Array(2 * 264);
    expect(await cache.lookup(Uint32Array.of(1, 2), out, marks)).toBe(1);
    expect(out.subarray(0, 264)).toEqual(new Uint8Array(264));
    expect(cache.lookup(Uint32Array.from(ids), new Uint8Array(2_000 * 264), new Uint8Array(2_000))).toBeInstanceOf(
      Promise,
    );
    expect(await found(cache, ids)).toEqual(ids);
    await cache.close();
  });

  it("keeps within its budget, the newest rows first, whatever is filled", async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 2, max: 40 }),
      fc.array(fc.uniqueArray(fc.nat(100), { maxLength: 30 }), { maxLength: 8 }),
      async (mostRows, fills) => {
        const path = temporaryFolder();
        const cache = await openLmdbCache({ path, layer: 3, table, bytes: mostRows * ENTRY_BYTES });
        for (const ids of fills) {
          await fill(cache, ids);
          const kept = Math.min(ids.length, Math.floor(mostRows / 2));
          expect(await found(cache, ids.slice(0, kept))).toEqual(ids.slice(0, kept));
        }
        const all = await found(
          cache,
          Array.from({ length: 101 }, (_, row) => row),
        );
        expect(all.length).toBeLessThanOrEqual(mostRows);
        await cache.close();
      },
    );
    // a fill that begins in a half-full generation and would not fit in it
    await fc.assert(property, {
      numRuns: 25,
      examples: [
        [
          8,
          [
            [0, 1],
            [2, 3, 7, 4],
            [5, 6, 8],
          ],
        ],
      ],
    });
  });

  it("does not find a row whose bytes are damaged, and counts it", async () => {
    const path = temporaryFolder();
    const cache = await openLmdbCache({ path, layer: 0, table });
    await fill(cache, [7, 8, 9]);
    await cache.close();
    const { open } = createRequire(import.meta.url)("lmdb");
    const raw = open({
      path,
      noSubdir: false,
      mapSize: 2 ** 40,
      encoding: "binary",
      keyEncoding: "binary",
      overlappingSync: false,
    });
    const value = raw.getBinary(rowKey(KIND.cached, 0, 8));
    value[100] ^= 1;
    await raw.put(rowKey(KIND.cached, 0, 8), value);
    await raw.put(rowKey(KIND.cached, 0, 9), value); // a row under another's id
    await raw.close();
    const again = await openLmdbCache({ path, layer: 0, table });
    expect(await found(again, [7, 8, 9])).toEqual([7]);
    expect(again.stats().damaged).toBe(2);
    await fill(again, [8]);
    expect(await found(again, [8])).toEqual([8]);
    await again.close();
  });

  it("refuses the cache of another table, and budgets for less than two rows", async () => {
    const path = temporaryFolder();
    await (await openLmdbCache({ path, layer: 1, table })).close();
    const others: TableInfo[] = [
      tableInfo({ rows: 5_001, encoding: V41_ROW, digest }),
      tableInfo({ rows: 5_000, encoding: { kind: "f32", width: 66 }, digest }),
      tableInfo({ rows: 5_000, encoding: V41_ROW }),
      tableInfo({ rows: 5_000, encoding: V41_ROW, digest: `sha256:${"2".repeat(64)}` }),
    ];
    for (const other of others) {
      expect(await codeOf(() => openLmdbCache({ path, layer: 1, table: other }))).toBe("manifest-mismatch");
    }
    const next = await openLmdbCache({ path, layer: 2, table: others[0] ?? table }); // a layer of its own
    await next.close();
    expect(await codeOf(() => openLmdbCache({ path, layer: 1, table, bytes: 2 * ENTRY_BYTES - 1 }))).toBe(
      "invalid-argument",
    );
    expect(await codeOf(() => openLmdbCache({ path, layer: -1, table }))).toBe("invalid-argument");
  });

  it("keeps two openings of one cache apart from each other's old rows", async () => {
    const path = temporaryFolder();
    const bytes = 20 * ENTRY_BYTES;
    const [first, second] = await Promise.all([
      openLmdbCache({ path, layer: 1, table, bytes }),
      openLmdbCache({ path, layer: 1, table, bytes }),
    ]);
    for (let i = 0; i < 12; i++) {
      await Promise.all([fill(first, [i * 10, i * 10 + 1, i * 10 + 2]), fill(second, [i * 10 + 3, i * 10 + 4])]);
      await found(
        first,
        Array.from({ length: 200 }, (_, row) => row),
      );
      await found(
        second,
        Array.from({ length: 200 }, (_, row) => row),
      );
    }
    await Promise.all([first.close(), second.close()]);
  });
});
