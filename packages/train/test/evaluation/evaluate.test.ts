// Evaluation against the loss that training sees, and against a sum over batches by hand.

import { isEngramError } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import type { TokenBatch } from "../../src/data/token-batch.js";
import { evaluate } from "../../src/evaluation/evaluate.js";
import { countingSource, tinyTrainer } from "../trainer/tiny-run.js";

const batchesOf = async (count: number): Promise<TokenBatch[]> => {
  const source = countingSource();
  const batches: TokenBatch[] = [];
  for (let i = 0; i < count; i++) batches.push(await source.next());
  return batches;
};

describe("evaluate", () => {
  it("gives the loss that the next step of training sees, and leaves nothing behind", async () => {
    const trainer = await tinyTrainer();
    const { model } = trainer;
    const tables = new Map([...trainer.tables].map(([layer, { rows }]) => [layer, rows]));
    await trainer.takeStep();
    const memory = model.backend.memory();
    const [, second] = await batchesOf(2);
    const found = await evaluate(model, second === undefined ? [] : [second], { tables });
    expect(model.backend.memory()).toEqual(memory);
    expect(found.loss).toBeCloseTo((await trainer.takeStep()).loss, 6);
    expect(found).toMatchObject({ targets: 22, bytes: 44 });
    expect(found.perplexity).toBeCloseTo(Math.exp(found.loss), 9);
    expect(found.bitsPerByte).toBeCloseTo((found.loss * 22) / Math.log(2) / 44, 9);
  });

  it("weighs batches by their targets, whatever their sizes", async () => {
    const trainer = await tinyTrainer();
    const tables = new Map([...trainer.tables].map(([layer, { rows }]) => [layer, rows]));
    const [first, second] = await batchesOf(2);
    if (first === undefined || second === undefined) throw new Error("no batches");
    const few = { ...second, targets: second.targets.map((target, i) => (i < 3 ? target : -100)), bytes: 6 };
    const none = { ...second, targets: second.targets.map(() => -100), bytes: 0 };
    const alone = [
      await evaluate(trainer.model, [first], { tables }),
      await evaluate(trainer.model, [few], { tables }),
    ];
    const both = await evaluate(trainer.model, [first, none, few], { tables });
    expect(both.loss).toBeCloseTo(((alone[0]?.loss ?? 0) * 22 + (alone[1]?.loss ?? 0) * 3) / 25, 6);
    expect(both).toMatchObject({ targets: 25, bytes: 50 });
  });

  it("refuses to say anything of nothing, and ends where it is asked to", async () => {
    const { model } = await tinyTrainer();
    const none = await evaluate(model, []).catch((error: unknown) => error);
    expect(isEngramError(none, "invalid-argument"), String(none)).toBe(true);
    const aborted = await evaluate(model, await batchesOf(1), { signal: AbortSignal.abort() }).catch(
      (error: unknown) => error,
    );
    expect(isEngramError(aborted, "aborted"), String(aborted)).toBe(true);
  });
});
