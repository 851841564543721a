// A history is a value: however a sequence is cut, taken back, forked, saved and restored, and however sequences are
// packed, the row ids are those of the final sequence hashed at once.
import { type AddressingConfig, createAddressing, DEAD_TOKEN, type NgramHistory } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryConfig, arbitraryIds } from "./arbitrary-config.js";
import { referenceRows } from "./reference-rows.js";

const small = {
  kind: "engram",
  vocabSize: 100,
  seed: 3,
  layers: [2],
  tableSizes: [50, 60],
  headsPerOrder: 2,
  padId: 7,
} as const satisfies AddressingConfig;

type Step =
  | { readonly do: "append"; readonly ids: readonly number[] }
  | { readonly do: "rollback"; readonly share: number }
  | { readonly do: "fork" | "restore" };

function arbitrarySteps(config: AddressingConfig): fc.Arbitrary<Step[]> {
  const append = arbitraryIds(config, 9).map((ids): Step => ({ do: "append", ids }));
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  return fc.array(
    fc.oneof(
      { weight: 5, arbitrary: append },
      { weight: 3, arbitrary: share.map((portion): Step => ({ do: "rollback", share: portion })) },
      { weight: 1, arbitrary: fc.constantFrom<Step>({ do: "fork" }, { do: "restore" }) },
    ),
    { maxLength: 25 },
  );
}

const runs = arbitraryConfig(2).chain((config) =>
  fc.tuple(fc.constant(config), arbitrarySteps(config), fc.nat({ max: 12 })),
);

describe("NgramHistory", () => {
  it("makes any split with any roll-backs, forks and restores hash like the whole at once", () => {
    fc.assert(
      fc.property(runs, ([config, steps, rollbackWindow]) => {
        const addressing = createAddressing(config);
        const layer = config.layers[0] ?? 0;
        const width = addressing.rowsPerToken;
        let history = addressing.history({ rollbackWindow });
        let ids: number[] = [];
        let rows: number[] = [];
        const left: { history: NgramHistory; ids: number[]; rows: number[] }[] = []; // forks, looked at in the end
        for (const step of steps) {
          if (step.do === "append") {
            rows.push(...addressing.rowIds(layer, step.ids, history));
            history = history.append(step.ids);
            ids.push(...step.ids);
          } else if (step.do === "rollback") {
            const count = Math.round(step.share * history.rollbackLimit);
            history = history.rollback(count);
            ids = ids.slice(0, ids.length - count);
            rows = rows.slice(0, rows.length - count * width);
          } else if (step.do === "fork") {
            left.push({ history: history.fork(), ids: [...ids], rows: [...rows] });
          } else {
            history = addressing.restoreHistory(JSON.parse(JSON.stringify(history.snapshot())));
          }
          expect(history.length).toBe(ids.length);
        }
        left.push({ history, ids, rows });
        const tail = ids.slice(0, 4);
        for (const branch of left) {
          expect(branch.rows).toEqual(referenceRows(addressing, layer, branch.ids));
          const whole = referenceRows(addressing, layer, [...branch.ids, ...tail]);
          expect(Array.from(addressing.rowIds(layer, tail, branch.history))).toEqual(whole.slice(branch.rows.length));
        }
      }),
      { numRuns: 400 },
    );
  });

  it("makes long parts, which are hashed as runs between boundaries, hash like the whole", () => {
    const cases = arbitraryConfig(2).chain((config) =>
      fc.tuple(
        fc.constant(config),
        fc.infiniteStream(fc.integer({ min: 0, max: config.vocabSize - 1 })).map((stream) => [...stream.take(150)]),
        fc.array(fc.nat({ max: 149 }), { maxLength: 3 }),
        fc.array(fc.nat({ max: 150 }), { maxLength: 2 }),
        fc.constantFrom("wasm" as const, "typescript" as const),
      ),
    );
    fc.assert(
      fc.property(cases, ([config, ids, boundaries, cuts, kernel]) => {
        const boundary = { engram: 0, "deepseek-v4.1": DEAD_TOKEN, "qwen-ple": "eosId" in config ? config.eosId : 0 };
        for (const at of boundaries) ids[at] = boundary[config.kind];
        const addressing = createAddressing(config, { kernel });
        const layer = config.layers[0] ?? 0;
        const ends = [...cuts.sort((a, b) => a - b), ids.length];
        let history = addressing.history();
        const rows: number[] = [];
        for (const end of ends) {
          const part = ids.slice(history.length, end);
          rows.push(...addressing.rowIds(layer, part, history));
          history = history.append(part);
        }
        expect(rows).toEqual(referenceRows(addressing, layer, ids));
      }),
      { numRuns: 150 },
    );
  });

  it("makes packed batches hash like their sequences one by one", () => {
    const batches = arbitraryConfig(3).chain((config) =>
      fc.tuple(
        fc.constant(config),
        fc.array(fc.tuple(fc.option(arbitraryIds(config, 6)), arbitraryIds(config, 8)), { maxLength: 8 }),
      ),
    );
    fc.assert(
      fc.property(batches, ([config, sequences]) => {
        const addressing = createAddressing(config);
        const layer = config.layers.at(-1) ?? 0;
        const histories = sequences.map(([before]) =>
          before === null ? undefined : addressing.history().append(before),
        );
        const lengths = [0];
        for (const [, ids] of sequences) lengths.push((lengths.at(-1) ?? 0) + ids.length);
        const packed = sequences.flatMap(([, ids]) => ids);
        const rows = addressing.rowIdsPacked(layer, packed, Uint32Array.from(lengths), histories);
        const expected = sequences.flatMap(([before, ids]) => {
          const whole = referenceRows(addressing, layer, [...(before ?? []), ...ids]);
          return whole.slice((before ?? []).length * addressing.rowsPerToken);
        });
        expect(Array.from(rows)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps an older value good when a newer one grows in the same memory", () => {
    const addressing = createAddressing(small);
    const start = addressing.history().append([1, 2, 3]);
    const first = start.append([4]);
    const second = start.append([5]);
    expect(first.snapshot().tokens).toEqual([1, 2, 3, 4]);
    expect(second.snapshot().tokens).toEqual([1, 2, 3, 5]);
    const back = first.rollback(1).append([6]);
    expect(first.snapshot().tokens).toEqual([1, 2, 3, 4]);
    expect(back.snapshot().tokens).toEqual([1, 2, 3, 6]);
  });

  it.each([0, 1, 4, 64])("goes back exactly its window of %i tokens once it is full", (rollbackWindow) => {
    const { history: start } = createAddressing(small);
    let history = start({ rollbackWindow });
    for (let i = 0; i < 200; i++) {
      history = history.append([i % 100]);
      // up to two tokens of look-back are kept besides, and at the start nothing lies before them
      expect(history.rollbackLimit).toBe(i < rollbackWindow + 2 ? i + 1 : rollbackWindow);
    }
    expect(history.snapshot().tokens.length).toBe(rollbackWindow + 2);
    expect(() => history.rollback(rollbackWindow + 1)).toThrowError(/history.rollback: .* greater rollbackWindow/);
    expect(() => history.rollback(rollbackWindow + 1)).toThrowError(
      expect.objectContaining({ code: "history-window" }),
    );
    for (const count of [-1, 0.5, Number.NaN]) expect(() => history.rollback(count)).toThrowError(/history.rollback/);
  });

  it("refuses what no history of this addressing is", () => {
    const addressing = createAddressing(small);
    const snapshot = addressing.history().append([1, 2, 3]).snapshot();
    const changes: Record<string, unknown>[] = [
      { kind: "qwen-ple" },
      { vocabSize: 99 },
      { maxOrder: 4 },
      { rollbackWindow: -1 },
      { rollbackWindow: 1e9 },
      { rollbackWindow: "64" },
      { length: 2 },
      { length: -1 },
      { length: 1.5 },
      { tokens: [3], length: 30 },
      { tokens: "1,2,3" },
      { tokens: Array.from({ length: 67 }, () => 1), length: 67 },
    ];
    for (const change of changes) {
      expect(() => addressing.restoreHistory({ ...snapshot, ...change }), JSON.stringify(change)).toThrowError(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    }
    expect(() => addressing.restoreHistory({ ...snapshot, tokens: [1, 100, 3] })).toThrowError(
      expect.objectContaining({ code: "token-out-of-range" }),
    );
    for (const value of [null, undefined, 3]) {
      expect(() => addressing.restoreHistory(value)).toThrowError(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    }
    expect(() => addressing.history().append([1, DEAD_TOKEN])).toThrowError(
      expect.objectContaining({ code: "token-out-of-range", context: expect.objectContaining({ index: 1 }) }),
    );
    const other = createAddressing({ ...small, vocabSize: 101 });
    expect(() => addressing.rowIds(2, [1], other.history())).toThrowError(/vocabSize is 101/);
  });
});
