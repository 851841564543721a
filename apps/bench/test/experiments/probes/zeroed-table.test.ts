// Taking a table away from a model that consists of it, and from one that has none; and the tasks that are asked.

import { rowsNeeded } from "@engram-ts/core";
import { IGNORED_TARGET } from "@engram-ts/train";
import { describe, expect, it } from "vitest";
import { copyTask } from "../../../src/experiments/probes/copy-task.js";
import { otherRows } from "../../../src/experiments/probes/other-rows.js";
import { unigramOf } from "../../../src/experiments/probes/unigram.js";
import { zeroedTable } from "../../../src/experiments/probes/zeroed-table.js";
import { busyProbed, followingBatch, tableProbed, VOCABULARY } from "./probed-fixture.js";

const batch = followingBatch(4, 16);
const unigram = unigramOf({ ids: batch.ids }, VOCABULARY);
const base =
  [...batch.targets].reduce((sum, target) => sum + (target < 0 ? 0 : (unigram.losses[target] ?? 0)), 0) / (4 * 14);

describe("zeroedTable", () => {
  it("takes everything from a model whose table knows everything, by whatever rows", async () => {
    const probed = await tableProbed();
    const tasks = [{ name: "what follows", kind: "factual", batches: [batch] } as const];
    const [found] = await zeroedTable(probed, { tasks, unigram, seed: 3 });
    expect(found).toMatchObject({ name: "what follows", kind: "factual", tokens: 4 * 14 });
    expect(found?.base).toBeCloseTo(base, 9);
    const [own, ...others] = found?.rows ?? [];
    expect(own).toMatchObject({ rows: "own", accuracy: 1, kept: 1 });
    expect(others.map(({ rows }) => rows)).toEqual(["zeros", "shuffled", "untrained"]);
    for (const { loss, accuracy, kept } of others) {
      expect(accuracy).toBeLessThan(0.3);
      expect(kept).toBeCloseTo((base - loss) / (base - (own?.loss ?? 0)), 9);
      expect(kept).toBeLessThan(0.3);
    }
    // without rows a token is its own unit vector, normed: the loss of all others is the same
    const logit = Math.sqrt(VOCABULARY);
    const zeros = Math.log(Math.exp(logit) + VOCABULARY - 1);
    const repeats = [...batch.targets.entries()].filter(([t, target]) => target === batch.ids[t]).length;
    expect(others[0]?.loss).toBeCloseTo(zeros - (logit * repeats) / (4 * 14), 4);
    expect((await zeroedTable(probed, { tasks, unigram, seed: 3 }))[0]).toEqual(found); // the table is as it was
  });

  it("scores from a base of the task's own, where it has one", async () => {
    const probed = await tableProbed();
    const tasks = [{ name: "what follows", kind: "factual", batches: [batch], base: 5 }] as const;
    const [found] = await zeroedTable(probed, { tasks, unigram, seed: 3 });
    const [own, zeros] = found?.rows ?? [];
    expect(found?.base).toBe(5);
    expect(zeros?.kept).toBeCloseTo((5 - (zeros?.loss ?? 0)) / (5 - (own?.loss ?? 0)), 9);
  });

  it("says no share where a model never was better than token frequencies", async () => {
    const tasks = [{ name: "random weights", kind: "text", batches: [batch] } as const];
    const [found] = await zeroedTable(busyProbed(), { tasks, unigram, seed: 1 });
    expect(found?.rows.map(({ kept }) => kept)).toEqual([null, null, null, null]);
  });

  it("asks a model without tables once", async () => {
    const { model } = busyProbed();
    const { memory: _, ...spec } = model.spec;
    const { addressing: __, ...rest } = model;
    const bare = { ...rest, spec: { ...spec, blocks: spec.blocks.map(({ engram: ___, ...block }) => block) } };
    const tasks = [{ name: "text", kind: "text", batches: [batch] } as const];
    const [found] = await zeroedTable({ model: bare, tables: new Map() }, { tasks, unigram, seed: 1 });
    expect(found?.rows.map(({ rows }) => rows)).toEqual(["own"]);
  });
});

describe("otherRows", () => {
  it("gives each row's place to another row, and every row to one place", async () => {
    const { tables, model } = busyProbed();
    const store = tables.get(0);
    if (store === undefined) throw new Error("no table");
    const all = Uint32Array.from({ length: store.table.rows }, (_, row) => row);
    const read = (rows: typeof store) => {
      const values = new Float32Array(all.length * 4);
      rows.prefetch(all).decode(values);
      return Array.from(all, (row) => values.subarray(row * 4, row * 4 + 4).join());
    };
    const own = read(store);
    for (const seed of [0, 1, 99]) {
      const shuffled = read(otherRows(tables, "shuffled", seed).get(0) ?? store);
      expect(shuffled).not.toEqual(own);
      expect(shuffled.filter((row, at) => row === own[at]).length).toBeLessThan(4);
      expect(shuffled.toSorted()).toEqual(own.toSorted());
    }
    expect(new Set(read(otherRows(tables, "zeros", 0).get(0) ?? store))).toEqual(new Set(["0,0,0,0"]));
    expect(read(otherRows(tables, "untrained", 0).get(0) ?? store)).not.toEqual(own);
    expect(rowsNeeded(model, batch)).toHaveLength(2);
  });
});

describe("copyTask", () => {
  it("says every segment twice, and asks for the second occurrence but for its first token", () => {
    const options = { length: 5, sequences: 3, seed: 7 };
    const task = copyTask(options, (random, length) => Array.from({ length }, () => unigram.draw(random)));
    expect([...task.cumulativeLengths]).toEqual([0, 10, 20, 30]);
    for (let s = 0; s < 3; s++) {
      const ids = [...task.ids.subarray(s * 10, s * 10 + 10)];
      expect(ids.slice(5)).toEqual(ids.slice(0, 5));
      const targets = [...task.targets.subarray(s * 10, s * 10 + 10)];
      expect(targets).toEqual([...Array(5).fill(IGNORED_TARGET), ...ids.slice(6), IGNORED_TARGET]);
    }
    const drawn = (from: () => number, length: number) => Array.from({ length }, () => unigram.draw(from));
    expect(copyTask(options, drawn)).toEqual(copyTask(options, drawn));
    expect(copyTask(options, drawn).ids).not.toEqual(copyTask({ ...options, seed: 8 }, drawn).ids);
  });
});
