// States: any way of feeding a sequence, with roll-backs, forks and failures in between, gives the logits of its final
// tokens at once, bit for bit.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecodeState, type DecodeState } from "../../src/model/decode-state.js";
import { decodeStep } from "../../src/model/decode-step.js";
import type { Model } from "../../src/model/forward-model.js";
import type { ReferenceTensor } from "../../src/reference/tensor.js";
import { expectCode } from "./expect-code.js";
import { busyModel, madeUpTables, SMALL_PRESETS, someIds } from "./model-fixture.js";

type State = DecodeState<ReferenceTensor>;

/** Logits of every token of a sequence, run at once. */
async function atOnce(model: Model<ReferenceTensor>, ids: readonly number[]): Promise<Float32Array> {
  using state = createDecodeState(model);
  const { logits } = await decodeStep(model, [{ state, ids }], { tables: madeUpTables(model), logits: "all" });
  return logits[0] ?? new Float32Array(0);
}

describe.each(SMALL_PRESETS)("decoding %s", (preset) => {
  const model = busyModel(preset);
  const tables = madeUpTables(model);
  const vocabulary = model.spec.vocabSize;

  it("in any pieces, taken back and forked in between, equals running the final tokens at once", async () => {
    const piece = fc.array(fc.nat({ max: vocabulary - 1 }), { minLength: 0, maxLength: 7 });
    const action = fc.oneof(
      fc.record({ kind: fc.constant("append" as const), ids: piece }),
      fc.record({ kind: fc.constant("rollback" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant("fork" as const), ids: piece }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 6 }), fc.integer({ min: 0, max: 4 }), async (actions, window) => {
        let state: State = createDecodeState(model, { rollbackWindow: window });
        let ids: number[] = [];
        for (const one of actions) {
          if (one.kind === "append") {
            await decodeStep(model, [{ state, ids: one.ids }], { tables });
            ids = [...ids, ...one.ids];
          } else if (one.kind === "rollback") {
            const count = Math.floor(one.share * (state.rollbackLimit + 0.999));
            state.rollback(count);
            ids = ids.slice(0, ids.length - count);
          } else {
            const fork = state.fork();
            await decodeStep(model, [{ state, ids: one.ids }], { tables }); // the other goes another way
            state.close();
            state = fork;
          }
          expect(state.length).toBe(ids.length);
        }
        const { logits } = await decodeStep(model, [{ state, ids: [1, 2] }], { tables, logits: "all" });
        const whole = await atOnce(model, [...ids, 1, 2]);
        expect(logits[0]).toEqual(whole.slice(ids.length * vocabulary));
        state.close();
      }),
      { numRuns: 8 },
    );
  });

  it("a piece longer than every ring, then back to the limit, then on", async () => {
    const ids = [...someIds(25, vocabulary)];
    using state = createDecodeState(model, { rollbackWindow: 3 });
    await decodeStep(model, [{ state, ids }], { tables });
    expect(state.rollbackLimit).toBe(3);
    state.rollback(2);
    expect(state.rollbackLimit).toBe(1);
    await decodeStep(model, [{ state, ids: [9] }], { tables });
    expect(state.rollbackLimit).toBe(2);
    state.rollback(2);
    const { logits } = await decodeStep(model, [{ state, ids: [8] }], { tables });
    const whole = await atOnce(model, [...ids.slice(0, 22), 8]);
    expect(logits[0]).toEqual(whole.slice(-vocabulary));
    expectCode(() => state.rollback(2), "history-window", /2 tokens back.*from 0 to 1.*rollbackWindow \(now 3\)/);
  });

  it("sequences of unequal lengths, one without tokens, in one batch", async () => {
    const all = [7, 0, 1, 4].map((length, s) => [...someIds(length, vocabulary, s)]);
    const states = all.map(() => createDecodeState(model));
    await decodeStep(
      model,
      [0, 1].map((s) => ({ state: at(states, s), ids: [3, 1, 4] })),
      { tables },
    );
    const sequences = all.map((ids, s) => ({ state: at(states, s), ids }));
    const { logits } = await decodeStep(model, sequences, { tables });
    for (const [s, ids] of all.entries()) {
      const whole = await atOnce(model, s < 2 ? [3, 1, 4, ...ids] : ids);
      expect(logits[s]).toEqual(ids.length === 0 ? new Float32Array(0) : whole.slice(-vocabulary));
    }
    for (const state of states) state.close();
  });

  it("frees all that it made", async () => {
    const before = model.backend.memory();
    const state = createDecodeState(model);
    await decodeStep(model, [{ state, ids: [1, 2, 3] }], { tables });
    const fork = state.fork();
    await decodeStep(model, [{ state: fork, ids: [4] }], { tables });
    state.close();
    fork.close();
    state.close();
    expect(model.backend.memory()).toEqual(before);
    for (const store of tables.values()) expect(store.stats().openTickets).toBe(0);
  });
});

describe("a step that fails", () => {
  const model = busyModel("tiny-mla-moe");
  const tables = madeUpTables(model, "script");

  /** Runs a step whose second table's rows come to nothing, or come. */
  const run = (state: State, ids: readonly number[], end: "fail" | "arrive") => {
    const done = decodeStep(model, [{ state, ids }], { tables });
    for (const [layer, store] of tables) {
      const read = store.reads.at(-1);
      if (end === "fail" && layer === 2) read?.reject(new Error("the disk is gone"));
      else read?.resolve();
    }
    return done;
  };

  it("leaves the state as before", async () => {
    const before = model.backend.memory().tensors;
    const state = createDecodeState(model, { rollbackWindow: 4 });
    await run(state, [1, 2, 3, 4, 5], "arrive");
    await expectCode(run(state, [6, 7, 8], "fail"), "io", /the disk is gone/);
    expect(state.length).toBe(5);
    expect(state.rollbackLimit).toBe(1); // of 4, 3 were overwritten
    const { logits } = await run(state, [9], "arrive");
    expect(logits[0]).toEqual((await atOnce(model, [1, 2, 3, 4, 5, 9])).slice(-256));
    state.close();
    expect(model.backend.memory().tensors).toBe(before);
  });

  it("of more tokens than a ring holds ends the state, and says so", async () => {
    const state = createDecodeState(model, { rollbackWindow: 0 });
    await run(state, [1, 2, 3], "arrive");
    await expectCode(run(state, [6, 7, 8], "fail"), "io", /the disk is gone/);
    await expectCode(decodeStep(model, [{ state, ids: [1] }], { tables }), "invalid-argument", /start a new state/);
    state.close();
  });

  it("by an abort leaves the state as before, and releases its tickets", async () => {
    const state = createDecodeState(model);
    const controller = new AbortController();
    const done = decodeStep(model, [{ state, ids: [1] }], { tables, signal: controller.signal });
    controller.abort();
    await expectCode(done, "aborted", /./);
    expect(state.length).toBe(0);
    for (const store of tables.values()) expect(store.stats().openTickets).toBe(0);
    await expectCode(
      decodeStep(model, [{ state, ids: [1] }], { tables, signal: controller.signal }),
      "aborted",
      /as before/,
    );
    state.close();
  });

  it("refuses a second step of one state meanwhile", async () => {
    const state = createDecodeState(model);
    const first = decodeStep(model, [{ state, ids: [1] }], { tables });
    await expectCode(
      decodeStep(model, [{ state, ids: [2] }], { tables }),
      "invalid-argument",
      /a step of this state is running/,
    );
    expectCode(() => state.rollback(0), "invalid-argument", /running/);
    expectCode(() => state.fork(), "invalid-argument", /running/);
    for (const store of tables.values()) for (const read of store.reads) read.resolve();
    await first;
    expect(state.length).toBe(1);
    state.close();
  });
});

describe("a step refuses", () => {
  const model = busyModel("tiny-mla-moe");
  const tables = madeUpTables(model);
  const state = createDecodeState(model, { capacity: 4 });

  it.each([
    [
      "the state of another model",
      () => decodeStep(model, [{ state: createDecodeState(busyModel("tiny-mla-moe")), ids: [1] }], { tables }),
      "invalid-argument",
      /sequences\[0\] has the state of another model/,
    ],
    [
      "one state twice",
      () =>
        decodeStep(
          model,
          [
            { state, ids: [1] },
            { state, ids: [1] },
          ],
          { tables },
        ),
      "invalid-argument",
      /sequences\[0\] and sequences\[1\] have the same state/,
    ],
    [
      "more tokens than the state takes",
      () => decodeStep(model, [{ state, ids: [1, 2, 3, 4, 5] }], { tables }),
      "invalid-argument",
      /0 tokens and 5 more; this state takes 4/,
    ],
    ["an unknown token", () => decodeStep(model, [{ state, ids: [1, 256] }], { tables }), "token-out-of-range", /256/],
    [
      "half a token",
      () => decodeStep(model, [{ state, ids: [1.5] }], { tables }),
      "token-out-of-range",
      /\[0\]\[0\] is 1.5/,
    ],
    ["no table", () => decodeStep(model, [{ state, ids: [1] }]), "invalid-argument", /no table for block 1/],
    [
      "dead tokens where there are none",
      () => decodeStep(model, [{ state, ids: [1], dead: Uint8Array.of(1) }], { tables }),
      "invalid-argument",
      /only addressing of kind deepseek-v4.1 has dead tokens/,
    ],
    [
      "an unknown report",
      () => decodeStep(model, [{ state, ids: [1] }], { tables, reports: ["blocks.0.gates"] }),
      "invalid-argument",
      /no report blocks.0.gates; there are blocks.1.engram.gates/,
    ],
  ] as const)("%s", async (_, run, code, message) => {
    const before = model.backend.memory().tensors;
    await expectCode(run(), code, message);
    expect(state.length).toBe(0);
    expect(model.backend.memory().tensors).toBeLessThanOrEqual(before + 5); // caches of the state may have been made
  });

  it("makes no state out of range", () => {
    expectCode(() => createDecodeState(model, { capacity: 513 }), "invalid-argument", /capacity is 513.*0 to 512/);
    expectCode(() => createDecodeState(model, { rollbackWindow: -1 }), "invalid-argument", /rollbackWindow is -1/);
  });
});

describe("dead tokens", () => {
  it("take nothing from memory, and end the look-back of those after them", async () => {
    const model = busyModel("tiny-v4.1");
    const tables = madeUpTables(model);
    const gates = "blocks.1.engram.gates";
    const run = async (ids: number[], dead: number[]) => {
      using state = createDecodeState(model);
      const sequence = { state, ids, dead: Uint8Array.from(dead) };
      return decodeStep(model, [sequence], { tables, logits: "all", reports: [gates] });
    };
    const first = await run([1, 2, 3, 4], [0, 1, 0, 0]);
    const values = first.reports.get(gates) ?? new Float32Array(0);
    expect([...values.slice(4, 8)]).toEqual([0, 0, 0, 0]);
    expect(values.slice(8).every((gate) => gate > 0)).toBe(true);
    const rowsAsked = [...tables.values()].map((store) => store.reads.at(-1)?.rowIds.slice(2 * 12));
    await run([9, 2, 3, 4], [0, 1, 0, 0]); // what is before a dead token is out of sight of the hash
    expect([...tables.values()].map((store) => store.reads.at(-1)?.rowIds.slice(2 * 12))).toEqual(rowsAsked);
  });
});

function at<T>(values: readonly T[], i: number): T {
  const value = values[i];
  if (value === undefined) throw new Error(`no entry ${i}`);
  return value;
}
