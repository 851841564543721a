// Rows of a table against torch.optim.SparseAdam and dense Adam (tools/oracles/updates.py), through stores of several
// kinds; each step's rows are read before the step before it has changed them, as the trainer does.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeRows, isEngramError, type RowEncoding, readSafetensors, tableInfo, tensorValues } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { lmdbStore } from "@engram-ts/store-lmdb";
import { afterAll, describe, expect, it } from "vitest";
import {
  momentsTable,
  type RowOptimizer,
  rowOptimizer,
  type TrainedTable,
} from "../../src/optimizers/row-optimizer.js";

const DIGEST = "5e73439a4690a4115ea7664ef18dd522b0b46c1b6eaf4c5a7634f58c81a9e737";
const bytes = readFileSync(new URL("../fixtures/row-updates.safetensors", import.meta.url));
const file = readSafetensors(bytes);
const floats = (name: string) => Float32Array.from(tensorValues(file, name) as Float32Array | Float64Array);
const ids = (name: string) => Uint32Array.from(tensorValues(file, name) as Int32Array);
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const WIDTH = 4;
const table = tableInfo({ rows: 11, encoding: { kind: "f32", width: WIDTH } });
const adam = { learningRate: 0.05, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, factor: 1 };
const raw = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

async function memoryTable(before: Float32Array, maxBatch?: number): Promise<TrainedTable> {
  const options = maxBatch === undefined ? {} : { maxBatch };
  const rows = dramStore({ table, initialize: (_, into) => into.set(raw(before)), ...options });
  return { rows, moments: dramStore({ table: momentsTable(table), ...options }) };
}

async function lmdbTable(before: Float32Array): Promise<TrainedTable> {
  const folder = mkdtempSync(join(tmpdir(), "engram-rows-"));
  folders.push(folder);
  const rows = await lmdbStore({ path: join(folder, "rows"), table, initialize: (_, into) => into.set(raw(before)) });
  const moments = await lmdbStore({
    path: join(folder, "moments"),
    table: momentsTable(table),
    initialize: () => undefined,
  });
  return { rows, moments };
}

async function allRows(store: TrainedTable["rows"]): Promise<Float32Array> {
  const { rows, encoding } = store.table;
  const values = new Float32Array(rows * encoding.width);
  for (let row = 0; row < rows; row++) {
    const ticket = store.prefetch(Uint32Array.of(row));
    await ticket.ready;
    ticket.decode(values.subarray(row * encoding.width, (row + 1) * encoding.width));
    ticket.release();
  }
  return values;
}

/** Gradients of a batch, row by row, as the sums of its rows, in memory as long as the optimizer's. */
function summed(optimizer: RowOptimizer, gradients: Float32Array): Float32Array {
  const sums = new Float32Array(optimizer.values().length);
  optimizer.places(0).forEach((place, i) => {
    for (let c = 0; c < WIDTH; c++) {
      sums[place * WIDTH + c] = (sums[place * WIDTH + c] ?? 0) + (gradients[i * WIDTH + c] ?? 0);
    }
  });
  return sums;
}

function expectNear(found: Float32Array, expected: Float32Array, within: number): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) => {
    if (!(Math.abs(value - (expected[i] ?? 0)) <= within)) expect.fail(`value ${i}: ${value}, expected ${expected[i]}`);
  });
}

describe("sparse Adam", () => {
  it("has the fixture that its script made", () => {
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(DIGEST);
  });

  it.each([
    ["memory", memoryTable],
    ["memory, batches of 2", (before: Float32Array) => memoryTable(before, 2)],
    ["LMDB", lmdbTable],
  ] as const)("is torch.optim.SparseAdam on rows in %s", async (_, open) => {
    const trained = await open(floats("before"));
    const optimizer = rowOptimizer(trained, 0);
    for (const step of [0, 1, 2]) {
      if (step === 0) optimizer.prepare([ids("ids.0")]);
      await optimizer.begin();
      expect(optimizer.places(0)).toHaveLength(ids(`ids.${step}`).length);
      optimizer.prefetchMoments();
      if (step < 2) optimizer.prepare([ids(`ids.${step + 1}`)]); // read before this step changes rows of it
      const count = await optimizer.apply(summed(optimizer, floats(`gradient.${step}`)), { ...adam, step: step + 1 });
      expect(count).toBe(new Set(ids(`ids.${step}`)).size);
      expectNear(await allRows(trained.rows), floats(`after.${step}`), 1e-6);
    }
    await optimizer.settle();
    const moments = await allRows(trained.moments);
    const part = (from: number) =>
      Float32Array.from(
        { length: 11 * WIDTH },
        (_, i) => moments[Math.floor(i / WIDTH) * 2 * WIDTH + from + (i % WIDTH)] ?? 0,
      );
    expectNear(part(0), floats("first"), 1e-6);
    expectNear(part(WIDTH), floats("second"), 1e-6);
    const touched = [...Array(11).keys()].filter((row) => ((optimizer.touched[row >>> 3] ?? 0) >>> (row & 7)) & 1);
    expect(touched).toEqual([0, 1, 3, 9, 10]);
    expect(trained.rows.stats().openTickets + trained.moments.stats().openTickets).toBe(0);
    await trained.rows.close();
    await trained.moments.close();
  });

  it("is dense Adam where every step touches the same rows", async () => {
    const trained = await memoryTable(floats("before"));
    const optimizer = rowOptimizer(trained, 0);
    for (const step of [0, 1, 2]) {
      optimizer.prepare([ids("dense.ids")]);
      await optimizer.begin();
      const gradients = summed(optimizer, floats(`dense.gradient.${step}`));
      await optimizer.apply(gradients, { ...adam, epsilon: 1e-30, step: step + 1 });
    }
    const rows = await allRows(trained.rows);
    const after = Float32Array.from([2, 4, 5].flatMap((row) => [...rows.subarray(row * WIDTH, (row + 1) * WIDTH)]));
    expectNear(after, floats("dense.after"), 1e-6);
    const untouched = floats("before").subarray(0, 2 * WIDTH);
    expect([...rows.subarray(0, 2 * WIDTH)]).toEqual([...untouched]);
  });

  it("starts from the rows of bf16 tables, and rounds to them", async () => {
    const encoding: RowEncoding = { kind: "bf16", width: WIDTH };
    const narrow = tableInfo({ rows: 3, encoding });
    const rows = dramStore({
      table: narrow,
      initialize: (_, into) => encodeRows(encoding, new Float32Array(12).fill(1), into),
    });
    const optimizer = rowOptimizer({ rows, moments: dramStore({ table: momentsTable(narrow) }) }, 0);
    optimizer.prepare([Uint32Array.of(1)]);
    await optimizer.begin();
    optimizer.prepare([Uint32Array.of(2, 1)]);
    await optimizer.apply(Float32Array.of(1, -1, 1e-3, 0), { ...adam, learningRate: 0.2501, step: 1 });
    expect([...(await allRows(rows))]).toEqual([1, 1, 1, 1, 0.75, 1.25, 0.75, 1, 1, 1, 1, 1]);
    await optimizer.begin(); // of rows that were read before, and rounded since
    expect([...optimizer.places(0)]).toEqual([1, 0]);
    expect([...optimizer.values()]).toEqual([0.75, 1.25, 0.75, 1, 1, 1, 1, 1]);
  });

  it("refuses rows that steps would vanish in, and moments of another shape", async () => {
    const { moments } = await memoryTable(floats("before"));
    const refused = (trained: TrainedTable, code: string) => {
      try {
        rowOptimizer(trained, 3);
      } catch (error) {
        expect(isEngramError(error) && error.code).toBe(code);
        return expect(String(error)).toMatch(/block 3/);
      }
      return expect.fail("it did not fail");
    };
    refused(
      { rows: dramStore({ table: tableInfo({ rows: 11, encoding: { kind: "int8", width: 4 } }) }), moments },
      "unsupported",
    );
    refused(
      { rows: dramStore({ table: tableInfo({ rows: 12, encoding: table.encoding }) }), moments },
      "manifest-mismatch",
    );
    refused({ rows: moments, moments }, "manifest-mismatch");
  });
});
