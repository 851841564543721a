// The addressing object: what it refuses, before anything is written; stored numbers; the explained n-grams.
import {
  ADDRESSING_PRESETS,
  type Addressing,
  compareDerivations,
  createAddressing,
  DEAD_TOKEN,
  type StoredDerivation,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryConfig, arbitraryIds } from "./arbitrary-config.js";

const demo = ADDRESSING_PRESETS["engram-demo"].config;
const code = (name: string, context: Record<string, unknown> = {}) =>
  expect.objectContaining({ code: name, context: expect.objectContaining(context) });

describe("rowIds", () => {
  const addressing = createAddressing(demo);

  it.each([
    ["an id of vocabSize", [5, 98_627], 1, 98_627],
    ["a negative id", [-1], 0, -1],
    ["a fraction", [1, 2, 0.5], 2, 0.5],
    ["not a number", [Number.NaN], 0, Number.NaN],
    ["a string", ["7" as unknown as number], 0, "7"],
    ["a hole", new Array<number>(1), 0, undefined],
    ["a dead token in a kind without them", [0, DEAD_TOKEN], 1, DEAD_TOKEN],
  ])("refuses %s", (_name, ids, index, value) => {
    const out = new Uint32Array(ids.length * 16).fill(77);
    const refused = code("token-out-of-range", { index, value });
    expect(() => addressing.rowIds(1, ids, undefined, out)).toThrowError(refused);
    expect(() => addressing.rowIdsPacked(1, ids, Uint32Array.of(0, ids.length))).toThrowError(refused);
    expect(out.every((entry) => entry === 77)).toBe(true);
  });

  it.each([127, 128, 129, 70_000])("refuses a bad id among %s, wherever it is", (length) => {
    const latched = createAddressing({ ...demo, kind: "deepseek-v4.1" } as typeof demo);
    const out = new Uint32Array(length * 16).fill(77);
    for (const index of [0, Math.floor(length / 2), length - 1]) {
      for (const value of [98_627, 2 ** 31, DEAD_TOKEN]) {
        const ids = new Uint32Array(length).fill(98_626);
        ids[index] = value;
        const refused = code("token-out-of-range", { index, value });
        expect(() => addressing.rowIds(1, ids, undefined, out)).toThrowError(refused);
        if (value === DEAD_TOKEN) expect(latched.rowIds(1, ids).length).toBe(out.length);
        else expect(() => latched.rowIds(1, ids, undefined, out)).toThrowError(refused);
      }
    }
    expect(out.every((entry) => entry === 77)).toBe(true);
  });

  it("refuses an id out of range in a typed array", () => {
    const refused = code("token-out-of-range", { index: 2, value: 98_627 });
    expect(() => addressing.rowIds(1, Uint32Array.of(1, 98_626, 98_627, 99_999))).toThrowError(refused);
    const wrong = Int32Array.of(1) as unknown as Uint32Array; // what a JavaScript caller may pass
    expect(() => addressing.rowIds(1, wrong)).toThrowError(code("invalid-argument"));
  });

  it("refuses layers without a table and outputs of another length", () => {
    expect(() => addressing.rowIds(2, [1])).toThrowError(/layer 2 has no table; use one of 1, 15/);
    for (const length of [0, 31, 33]) {
      const refused = code("output-length", { expected: 32, found: length });
      expect(() => addressing.rowIds(1, [1, 2], undefined, new Uint32Array(length))).toThrowError(refused);
    }
    const out = new Uint32Array(32);
    expect(addressing.rowIds(1, [1, 2], undefined, out)).toBe(out);
    expect(addressing.rowIds(1, [])).toEqual(new Uint32Array(0));
  });

  it("refuses more row ids than one call gives, before allocating them", () => {
    expect(() => addressing.rowIds(1, new Uint32Array(2 ** 24 + 1))).toThrowError(code("batch-too-large"));
  });

  it("takes dead tokens in deepseek-v4.1 alone, and gives rows of the table there", () => {
    const { config } = ADDRESSING_PRESETS["deepseek-v4.1-flash"];
    const v41 = createAddressing(config);
    const rows = v41.rowIds(14, [3, DEAD_TOKEN, 4]);
    // a dead position reads pad, as does all before it; the position after it sees a start of sequence
    expect(rows.subarray(24, 48)).toEqual(v41.rowIds(14, [2]));
    expect(rows.subarray(48)).toEqual(v41.rowIds(14, [4]));
    const { config: qwen } = ADDRESSING_PRESETS["qwen3.8-flash-next"];
    expect(() => createAddressing(qwen).rowIds(1, [DEAD_TOKEN])).toThrowError(code("token-out-of-range"));
  });

  it("refuses cumulative lengths that do not cover the ids", () => {
    for (const lengths of [[], [0], [1, 3], [0, 2], [0, 4], [0, 2, 1, 3]]) {
      expect(() => addressing.rowIdsPacked(1, [1, 2, 3], Uint32Array.from(lengths)), String(lengths)).toThrowError(
        code("invalid-argument"),
      );
    }
    expect(() => addressing.rowIdsPacked(1, [1, 2, 3], Uint32Array.of(0, 1, 3), [undefined])).toThrowError(
      /1 histories for 2 sequences/,
    );
    expect(addressing.rowIdsPacked(1, [], Uint32Array.of(0)).length).toBe(0);
    expect(addressing.rowIdsPacked(1, [4, 5], Uint32Array.of(0, 0, 2, 2))).toEqual(addressing.rowIds(1, [4, 5]));
  });
});

describe("createAddressing", () => {
  it("chooses the kernel asked for", () => {
    expect(createAddressing(demo).kernel).toBe("wasm");
    expect(createAddressing(demo, { kernel: "typescript" }).kernel).toBe("typescript");
    const kernel = "gpu" as "auto"; // what a JavaScript caller may pass
    expect(() => createAddressing(demo, { kernel })).toThrowError(/kernel is gpu; use auto/);
  });

  it("accepts the stored numbers that it derives, after a round trip through JSON", () => {
    const derived = JSON.parse(JSON.stringify(createAddressing(demo).derivation())) as StoredDerivation;
    expect(createAddressing(demo, { derived }).derivation()).toEqual(derived);
    expect(compareDerivations(derived, derived)).toBeUndefined();
    expect(derived.layers[0]?.multipliers[0]).toBe("76993395940407");
  });

  it.each<[string, (stored: { layers: Record<string, unknown>[] }) => void, unknown, unknown]>([
    [
      "layers[0].multipliers[1]",
      ({ layers: [a] }) => Object.assign(a?.multipliers as [], { 1: "5" }),
      "5",
      "4862694818241",
    ],
    [
      "layers[1].primes[0][2]",
      ({ layers: [, b] }) => Object.assign((b?.primes as number[][] | undefined)?.[0] ?? [], { 2: 4 }),
      4,
      646_643,
    ],
    ["layers[0].rows", ({ layers: [a] }) => Object.assign(a ?? {}, { rows: 1 }), 1, 10_344_164],
    ["layers[0].offsets", ({ layers: [a] }) => delete a?.offsets, undefined, expect.any(Array)],
    ["layers[1]", ({ layers }) => layers.pop(), undefined, expect.any(Object)],
    ["layers[2]", ({ layers }) => layers.push({ more: 1 }), { more: 1 }, undefined],
    ["layers[0].extra", ({ layers: [a] }) => Object.assign(a ?? {}, { extra: 0 }), 0, undefined],
  ])("names the first stored number that is another: %s", (path, change, stored, derived) => {
    const changed = JSON.parse(JSON.stringify(createAddressing(demo).derivation()));
    change(changed);
    expect(() => createAddressing(demo, { derived: changed })).toThrowError(
      code("manifest-mismatch", { path, stored, derived }),
    );
  });

  it("names the first difference of another vocabulary: its multipliers", () => {
    const derived = createAddressing({ ...demo, vocabSize: demo.vocabSize + 1 }).derivation();
    expect(() => createAddressing(demo, { derived })).toThrowError(/layers\[0\].multipliers\[0\] is stored as/);
  });

  it("refuses anything else as stored numbers", () => {
    for (const stored of [null, 5, [], {}, "x"]) {
      const derived = stored as unknown as StoredDerivation; // what a file may hold
      expect(() => createAddressing(demo, { derived })).toThrowError(code("manifest-mismatch"));
    }
  });
});

describe("ngrams", () => {
  it("shows what the hash saw, by an arithmetic of its own", () => {
    const cases = arbitraryConfig(3).chain((config) =>
      fc.tuple(fc.constant(config), arbitraryIds(config, 5), arbitraryIds(config, 8)),
    );
    fc.assert(
      fc.property(cases, ([config, before, ids]) => {
        const addressing: Addressing = createAddressing(config);
        const layer = config.layers[0] ?? 0;
        const history = addressing.history().append(before);
        const rows = addressing.rowIds(layer, ids, history);
        for (let t = 0; t < ids.length; t++) {
          const ngrams = addressing.ngrams(layer, ids, t, history);
          expect(ngrams.flatMap((ngram) => ngram.rowIds)).toEqual(
            Array.from(rows.subarray(t * addressing.rowsPerToken, (t + 1) * addressing.rowsPerToken)),
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  it("fills what is out of sight, and refuses positions that are not there", () => {
    const addressing = createAddressing(demo);
    const history = addressing.history().append([8]);
    expect(addressing.ngrams(1, [5, 6], 0).map((ngram) => ngram.context)).toEqual([
      [5, 2],
      [5, 2, 2],
    ]);
    const [, trigram] = addressing.ngrams(1, [5, 6], 1, history);
    expect(trigram).toMatchObject({ order: 3, context: [6, 5, 8] });
    expect(trigram?.mix).toBe((6n * 76993395940407n) ^ (5n * 4862694818241n) ^ (8n * 36129212583461n));
    for (const position of [-1, 2, 0.5]) {
      expect(() => addressing.ngrams(1, [5, 6], position)).toThrowError(/position is/);
    }
  });
});
