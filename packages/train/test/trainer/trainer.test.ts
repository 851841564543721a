// Whole runs of a tiny model on the reference: they learn, they are deterministic, batches add up, nothing leaks, and what
// goes wrong is said.

import { isEngramError } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import type { TokenSource } from "../../src/data/token-batch.js";
import { contentsOf, countingSource, tinySpec, tinyTrainer } from "./tiny-run.js";

const losses = async (trainer: Awaited<ReturnType<typeof tinyTrainer>>, steps: number) => {
  const found: number[] = [];
  for (let i = 0; i < steps; i++) found.push((await trainer.takeStep()).loss);
  return found;
};

describe("a run", () => {
  it.each(["muon", "adamw"] as const)("learns with %s, and gives the same losses again", async (matrices) => {
    const first = await losses(await tinyTrainer({ matrices, steps: 30 }), 30);
    expect(first[0]).toBeGreaterThan(2.5);
    expect(Math.max(...first.slice(-3))).toBeLessThan(0.75 * (first[0] ?? 0));
    expect(await losses(await tinyTrainer({ matrices, steps: 30 }), 30)).toEqual(first);
  });

  it("changes every parameter, rows that occurred, and nothing else; frees all that a step made", async () => {
    const trainer = await tinyTrainer();
    const before = await contentsOf(trainer);
    const memory = trainer.model.backend.memory();
    const metrics = await trainer.takeStep();
    await trainer.takeStep();
    expect(trainer.model.backend.memory()).toEqual(memory);
    const after = await contentsOf(trainer);
    for (const [name, values] of after) {
      const same = values.filter((value, i) => value === before.get(name)?.[i]).length;
      if (name.startsWith("rows") || name.startsWith("moments")) {
        expect(same, name).toBeGreaterThan(0);
        expect(same, name).toBeLessThan(values.length);
      } else expect(same, name).toBeLessThan(values.length); // a bias of balancing may stay
    }
    expect(metrics.rows).toBeGreaterThan(20);
    expect(metrics.tokens).toBe(24);
    expect(metrics.step).toBe(1);
    expect(metrics.gradientNorm).toBeGreaterThan(0);
    expect(metrics.imbalance).toBeGreaterThanOrEqual(1);
    const { total, hidden, ...phases } = metrics.seconds;
    expect(Object.values(phases).reduce((sum, one) => sum + one, 0)).toBeCloseTo(total, 9);
    expect(hidden).toBeLessThanOrEqual(phases.graph);
    trainer.close();
  });

  it.each(["tied", "separate"] as const)("two batches at once are one of both, with a %s head", async (head) => {
    // sequences of one step, once in one batch and once in two
    const joined = masked(countingSource(24, 2));
    const apart: TokenSource = halves(masked(countingSource(24, 2)));
    const spec = tinySpec(head);
    const one = await tinyTrainer({ clip: null }, spec, joined);
    const two = await tinyTrainer({ clip: null, accumulation: 2 }, spec, apart);
    const [a, b] = [await losses(one, 2), await losses(two, 2)];
    a.forEach((loss, i) => {
      expect(b[i]).toBeCloseTo(loss, 5);
    });
    const expected = await contentsOf(one);
    for (const [name, values] of await contentsOf(two)) {
      values.forEach((value, i) => {
        expect(Math.abs(value - (expected.get(name)?.[i] ?? 0)), `${name} ${i}`).toBeLessThan(2e-5);
      });
    }
  });
});

/** Fewer targets in the first sequence than in the second. */
function masked(source: TokenSource): TokenSource {
  return {
    ...source,
    async next() {
      const batch = await source.next();
      return { ...batch, targets: batch.targets.map((target, i) => (i < 7 ? -100 : target)) };
    },
  };
}

/** The two sequences of each batch as two batches. */
function halves(source: TokenSource): TokenSource {
  let second: Awaited<ReturnType<TokenSource["next"]>> | undefined;
  return {
    ...source,
    async next() {
      if (second !== undefined) {
        const batch = second;
        second = undefined;
        return batch;
      }
      const { ids, targets, bytes } = await source.next();
      const part = (from: number, to: number) => ({
        ids: ids.slice(from, to),
        targets: targets.slice(from, to),
        cumulativeLengths: Uint32Array.of(0, to - from),
        bytes: bytes / 2,
      });
      second = part(ids.length / 2, ids.length);
      return part(0, ids.length / 2);
    },
  };
}

describe("what goes wrong", () => {
  it("stops at a loss that is no number or too high, before rows are changed", async () => {
    const trainer = await tinyTrainer();
    await trainer.takeStep();
    const rows = (await contentsOf(trainer)).get("rows 0");
    const norm = trainer.model.parameters.get("norm.weight");
    norm?.values.fill(Number.NaN);
    await expectDiverged(trainer.takeStep(), /in step 2 the loss is NaN/);
    expect((await contentsOf(trainer)).get("rows 0")).toEqual(rows);
    await expectDiverged(trainer.takeStep(), /restore a checkpoint/);
    const high = await tinyTrainer({ mostLoss: 1 });
    await expectDiverged(high.takeStep(), /above 1\.000/);
  });

  it("refuses batches that are none, tables that are missing, configurations that say nothing", async () => {
    const source = countingSource();
    const bad = (change: (batch: Awaited<ReturnType<TokenSource["next"]>>) => object): TokenSource => ({
      ...source,
      next: async () => {
        const batch = await source.next();
        return { ...batch, ...change(batch) };
      },
    });
    const fails = async (change: Parameters<typeof bad>[0], code: string, message: RegExp) => {
      const trainer = await tinyTrainer({}, tinySpec(), bad(change));
      await trainer.takeStep().then(
        () => expect.fail("it did not fail"),
        (error: unknown) => {
          expect(isEngramError(error) && error.code, String(error)).toBe(code);
          expect(String(error)).toMatch(message);
        },
      );
    };
    await fails(({ ids }) => ({ ids: ids.fill(99) }), "token-out-of-range", /train with the tokenizer/);
    await fails(({ targets }) => ({ targets: targets.fill(-100) }), "invalid-argument", /no target that counts/);
    await fails(() => ({ targets: new Int32Array(3) }), "invalid-argument", /24 tokens and 3 targets/);
    await fails(() => ({ cumulativeLengths: Uint32Array.of(0, 7) }), "invalid-argument", /from 0 to 7/);
    await expect(tinyTrainer({ steps: 0 })).rejects.toThrow(/steps is 0/);
    await expect(tinyTrainer({ clip: -1 })).rejects.toThrow(/clip is -1/);
    await expect(tinyTrainer({ matrices: "sgd" as "muon" })).rejects.toThrow(/muon or adamw/);
    await expect(tinyTrainer({ learningrate: 1 } as object)).rejects.toThrow(/learningrate is "there"/);
  });
});

async function expectDiverged(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await promise.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => {
      expect(isEngramError(error, "diverged"), String(error)).toBe(true);
      expect(String(error)).toMatch(message);
    },
  );
}
