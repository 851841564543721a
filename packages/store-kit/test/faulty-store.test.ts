import { digestRows, isEngramError, tableInfo, verified, withRetry, withTimeout } from "@engram-ts/core";
import { describe, expect, test } from "vitest";
import {
  type ConformanceTarget,
  deterministicRows,
  faulty,
  findWrongRow,
  runConformance,
  STORE_FAULT_KINDS,
  seededRandom,
} from "../src/index.js";
import { modelStore } from "./model-store.js";

const TABLE = tableInfo({ rows: 200, encoding: { kind: "f16", width: 6 } });
const ROWS = deterministicRows(TABLE, 1);

const quiet: ConformanceTarget = {
  name: "faulty without faults",
  open: async (table, rows) => faulty(modelStore(table, rows), { seed: 1, share: 0, latencyMs: [0, 2] }),
};
runConformance({ describe, test }, [quiet], { required: [quiet.name] });

describe("faulty", () => {
  test("the same seed fails the same prefetches", async () => {
    const outcomes = async (seed: number): Promise<string[]> => {
      const store = faulty(modelStore(TABLE, ROWS.slice()), { seed, share: 0.5, kinds: ["io", "truncated"] });
      const list: string[] = [];
      for (let i = 0; i < 40; i++) {
        const ticket = store.prefetch(Uint32Array.of(i));
        list.push(
          await ticket.ready.then(
            () => "ok",
            (error: { code: string }) => error.code,
          ),
        );
        ticket.release();
      }
      await store.close();
      return list;
    };
    const first = await outcomes(5);
    expect(new Set(first)).toEqual(new Set(["ok", "io", "truncated"]));
    expect(await outcomes(5)).toEqual(first);
    expect(await outcomes(6)).not.toEqual(first);
  });

  test("behind withRetry and withTimeout every read is right or a typed error", async () => {
    const bad = faulty(modelStore(TABLE, ROWS.slice()), { seed: 9, share: 0.4, latencyMs: [0, 1], lateMs: 30 });
    const store = withRetry(withTimeout(bad, { timeoutMs: 15 }), { attempts: 4, baseMs: 1, budget: { tokens: 1_000 } });
    const random = seededRandom(4);
    let right = 0;
    const readOne = async (): Promise<void> => {
      const ids = Uint32Array.from({ length: 5 }, () => random.below(TABLE.rows));
      const ticket = store.prefetch(ids);
      try {
        await ticket.ready;
        const rows = new Uint8Array(5 * TABLE.rowBytes);
        ticket.gather(rows);
        expect(findWrongRow(TABLE, 1, ids, rows)).toBe(-1);
        right++;
      } catch (error) {
        if (!isEngramError(error)) throw error;
        expect(error.retry).not.toBe("later");
      } finally {
        ticket.release();
      }
    };
    await Promise.all(Array.from({ length: 200 }, readOne));
    expect(right).toBeGreaterThan(100);
    expect(right).toBeLessThan(200);
    expect(Object.keys(bad.faults()).sort()).toEqual(STORE_FAULT_KINDS.filter((kind) => kind !== "wrong-rows").sort());
    await store.close();
  });

  test("wrong rows are wrong by a bit, and verified sees them", async () => {
    const wrong = () => faulty(modelStore(TABLE, ROWS.slice()), { seed: 2, share: 1, kinds: ["wrong-rows"] });
    const bare = wrong();
    const ids = Uint32Array.of(1, 2, 3);
    const ticket = bare.prefetch(ids);
    await ticket.ready;
    const rows = new Uint8Array(3 * TABLE.rowBytes);
    ticket.gather(rows);
    expect(findWrongRow(TABLE, 1, ids, rows)).toBeGreaterThanOrEqual(0);
    await bare.close();
    const checked = verified(wrong(), await digestRows(TABLE, [ROWS], { blockRows: 8 }));
    await expect(checked.prefetch(ids).ready).rejects.toMatchObject({ code: "digest-mismatch" });
    await checked.close();
  });

  test("options are checked", () => {
    const store = modelStore(TABLE, ROWS.slice());
    expect(() => faulty(store, { seed: 1, share: 2 })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(() => faulty(store, { seed: 1, kinds: [] })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});
