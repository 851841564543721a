import { isEngramError, tableInfo } from "@engram-ts/core";
import { afterEach, describe, expect, it } from "vitest";
import { type GatherWorkers, gatherWorkers } from "../src/gather-workers.js";
import { dramStore } from "../src/index.js";
import { type RowMemory, rowMemory } from "../src/row-memory.js";

const ROWS = 10_000;
const table = tableInfo({ rows: ROWS, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
const ids = Uint32Array.from({ length: 5_001 }, (_, i) => (i * 7_919) % ROWS);

function fill(memory: RowMemory): void {
  for (let row = 0; row < ROWS; row++) memory.row(row).fill(row & 0xff);
}

function expectRows(rows: Uint8Array, rowIds: Uint32Array): void {
  expect(rows.length).toBe(rowIds.length * 264);
  rowIds.forEach((row, i) => {
    if (rows[i * 264] !== (row & 0xff) || rows[i * 264 + 263] !== (row & 0xff)) throw new Error(`row ${row} at ${i}`);
  });
}

const open: GatherWorkers[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((workers) => workers.close()));
});

function start(shardBytes: number, count: number) {
  const memory = rowMemory({ table, shardBytes, hugePages: false, wasm: true, workers: count });
  fill(memory);
  const workers = gatherWorkers({ count, memory: () => memory });
  open.push(workers);
  return { memory, workers };
}

describe("gatherWorkers", () => {
  it("gather the same rows as the caller's thread, in one shard and in many", async () => {
    for (const shardBytes of [2 ** 32, 264 * 777]) {
      const { workers, memory } = start(shardBytes, 2);
      for (const length of [1, 2, 3, 5_001]) {
        const some = ids.subarray(0, length);
        const job = workers.start(some);
        await job.done;
        expectRows(job.rows, some);
        const expected = new Float32Array(length * 256);
        memory.decode(some, length, expected, undefined);
        const decoded = new Float32Array(length * 256);
        memory.decodeGathered(job.rows, decoded);
        expect(Buffer.compare(new Uint8Array(decoded.buffer), new Uint8Array(expected.buffer))).toBe(0);
        job.end();
      }
    }
  });

  it("serve many batches at once, and never hand out an array that is still in use", async () => {
    const { workers } = start(2 ** 32, 2);
    const jobs = Array.from({ length: 12 }, (_, i) => ({ i, job: workers.start(ids.map((row) => (row + i) % ROWS)) }));
    for (const { i, job } of jobs) {
      if (i % 3 === 0)
        job.end(); // before it is done
      else {
        await job.done;
        expectRows(
          job.rows,
          ids.map((row) => (row + i) % ROWS),
        );
        if (i % 3 === 1) job.end();
      }
    }
    for (const { i, job } of jobs) {
      if (i % 3 === 2)
        expectRows(
          job.rows,
          ids.map((row) => (row + i) % ROWS),
        );
    }
  });

  it("fail the batches of a thread that dies with io, and start another one for the next", async () => {
    const { workers } = start(2 ** 32, 1);
    const outside = workers.start(Uint32Array.of(2 ** 23)); // 2^31 bytes on, outside the memory: the thread traps
    const error: unknown = await outside.done.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(isEngramError(error, "io")).toBe(true);
    outside.end();
    const job = workers.start(ids);
    await job.done;
    expectRows(job.rows, ids);
  });
});

describe("dramStore with threads", () => {
  const initialize = (firstRow: number, rows: Uint8Array) => {
    for (let i = 0; i < rows.length; i += 264) rows.fill((firstRow + i / 264) & 0xff, i, i + 264);
  };

  it("settles large batches later and small ones at once", async () => {
    const store = dramStore({ table, initialize, workers: 2, workerBatch: 1_000 });
    const small = store.prefetch(ids.subarray(0, 999));
    expect(small.settled).toBe(true);
    const large = store.prefetch(ids);
    expect(large.settled).toBe(false);
    const out = new Uint8Array(ids.length * 264);
    expect(() => large.gather(out)).toThrowError(expect.objectContaining({ code: "ticket-not-ready" }));
    await large.ready;
    large.gather(out);
    expectRows(out, ids);
    await store.close();
  });

  it("keeps a batch that threads gather as it stood while rows are overwritten", async () => {
    const store = dramStore({ table, initialize, workers: 1, workerBatch: 1_000 });
    const everything = Uint32Array.from({ length: ROWS }, (_, row) => row);
    for (let round = 0; round < 3; round++) {
      const ticket = store.prefetch(everything);
      const transaction = store.begin();
      await transaction.put(everything, new Uint8Array(ROWS * 264).fill(200 + round));
      await transaction.commit();
      await ticket.ready;
      const out = new Uint8Array(ROWS * 264);
      ticket.gather(out);
      if (round === 0) expectRows(out, everything);
      else expect(out.every((byte) => byte === 199 + round)).toBe(true);
      ticket.release();
    }
    await store.close();
  });

  it("gives zeros at a deadline of nothing, and fails what is pending when it closes", async () => {
    const store = dramStore({ table, initialize, workers: 1, workerBatch: 1 });
    const late = store.prefetch(ids, { deadlineMs: 0, onMiss: "zero" });
    await late.ready;
    const out = new Uint8Array(ids.length * 264).fill(1);
    late.gather(out);
    const zeros = out.every((byte) => byte === 0);
    if (zeros) expect(store.stats().zeroedRows).toBe(ids.length);
    else expectRows(out, ids); // the threads were faster than a timer of 0 ms
    const pending = store.prefetch(ids);
    const refused = expect(pending.ready).rejects.toMatchObject({ code: "store-closed" });
    await store.close();
    await refused;
  });
});
