// Gates and contributions of a traced text, against the paper's equations written out here: the first block's streams are
// the token's embedding, so its gates follow from parameters and rows alone.

import { packTokens, rowsNeeded } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { expect, it } from "vitest";
import { firedNgram, traceGates } from "../../src/report/gate-trace.js";
import { initializeBytes, initialRows, tablesOf } from "../../src/trainer/initial-rows.js";
import { tinyModel } from "../trainer/tiny-run.js";

const model = tinyModel();
const { width, streams } = model.spec;
const tables = new Map(
  [...tablesOf(model.spec)].map(([layer, table]) => {
    const initial = initialRows({ seed: 1, layer, width: table.encoding.width, deviation: 1 });
    return [layer, dramStore({ table, initialize: initializeBytes(table, initial) })];
  }),
);

async function valuesOf(name: string): Promise<Float32Array> {
  const tensor = model.parameters.get(name);
  if (tensor === undefined) throw new Error(name);
  return model.backend.download(tensor);
}

function normed(x: readonly number[], scale: Float32Array, from: number, epsilon: number): number[] {
  const mean = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  return x.map((value, c) => (value / Math.sqrt(mean + epsilon)) * (scale[from + c] ?? 0));
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>, from = 0, offset = 0, count = a.length) =>
  Array.from({ length: count }, (_, c) => (a[offset + c] ?? 0) * (b[from + c] ?? 0)).reduce((x, y) => x + y, 0);

it("has the gates of equation 4, and the norm of what the rows of each order give", async () => {
  const ids = Uint32Array.of(3, 17, 5, 5, 9, 0, 23);
  const [traced, second] = await traceGates(model, ids, tables);
  expect([traced?.layer, second?.layer, traced?.streams]).toEqual([0, 1, 2]);
  if (traced === undefined) throw new Error("no layer");
  expect(traced.gates).toHaveLength(ids.length * 2);
  const [embedding, key, keyBias, value] = await Promise.all(
    ["embedding.weight", "blocks.0.engram.key.weight", "blocks.0.engram.key.bias", "blocks.0.engram.value.weight"].map(
      valuesOf,
    ),
  );
  const [keyNorm, queryNorm] = await Promise.all(
    ["keyNorm", "queryNorm"].map((n) => valuesOf(`blocks.0.engram.${n}.weight`)),
  );
  if (!embedding || !key || !keyBias || !value || !keyNorm || !queryNorm) throw new Error("a parameter is missing");
  const rowIds = rowsNeeded(model, packTokens([ids]))[0]?.rowIds ?? new Uint32Array(0);
  const rows = new Float32Array(rowIds.length * 4);
  tables.get(0)?.prefetch(rowIds).decode(rows);
  const memory = rows.length / ids.length;
  for (const [t, id] of ids.entries()) {
    const hidden = Array.from(embedding.subarray(id * width, (id + 1) * width));
    for (let m = 0; m < streams.count; m++) {
      const raw = Array.from({ length: width }, (_, c) => {
        const row = m * width + c;
        return dot(rows, key, row * memory, t * memory, memory) + (keyBias[row] ?? 0);
      });
      const k = normed(raw, keyNorm, m * width, 2 ** -23);
      const q = normed(hidden, queryNorm, m * width, 2 ** -23);
      const s = dot(k, q) / Math.sqrt(width);
      const gate = 1 / (1 + Math.exp(-Math.sign(s) * Math.sqrt(Math.max(Math.abs(s), 1e-6))));
      expect(traced.gates[t * 2 + m]).toBeCloseTo(gate, 5);
    }
    for (const [at, { order, ids: ngram, contribution }] of (traced.ngrams[t] ?? []).entries()) {
      expect(order).toBe(at + 2);
      expect(ngram).toEqual(Array.from({ length: order }, (_, k) => ids[t - order + 1 + k] ?? 0)); // padId is 0
      const half = memory / 2; // of two orders
      const given = Array.from({ length: width }, (_, c) =>
        dot(rows, value, c * memory + at * half, t * memory + at * half, half),
      );
      expect(contribution).toBeCloseTo(Math.hypot(...given), 5);
    }
    const ngrams = traced.ngrams[t] ?? [];
    expect(firedNgram(ngrams)?.contribution).toBe(Math.max(...ngrams.map(({ contribution }) => contribution)));
  }
  expect(model.backend.memory().tensors).toBe(model.parameters.size); // nothing is left behind
});

it("refuses no tokens, and says so", async () => {
  await expect(traceGates(model, new Uint32Array(0), tables)).rejects.toThrow(/no tokens/);
});
