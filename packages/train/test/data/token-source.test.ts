// Properties of batches: every token once an epoch, targets within documents, and going on from a state.
import {
  evaluationBatches,
  IGNORED_TARGET,
  type Packing,
  type TokenBatch,
  type TokenShards,
  type TokenSource,
  tokenSource,
} from "@engram-ts/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shardsOf, temporaryFolder, texts, tokenizer } from "./text-tokens.js";

const root = temporaryFolder();
const { shards } = await shardsOf(root, 60, { end: "<|endoftext|>" });
const tokens = shards.ids.length;

const settings = fc.record({
  rows: fc.integer({ min: 1, max: 5 }),
  length: fc.integer({ min: 1, max: 70 }),
  packing: fc.constantFrom<Packing>("rows", "documents"),
  seed: fc.nat(),
});

describe("tokenSource", () => {
  it("gives every token of every document as often as it stands there, each epoch, whatever the batches", async () => {
    await fc.assert(
      fc.asyncProperty(settings, async (options) => {
        const epochs = 2;
        const source = tokenSource(shards, options);
        const ids = await take(source, epochs * tokens);
        for (let epoch = 0; epoch < epochs; epoch++) {
          const read = ids.slice(epoch * tokens, (epoch + 1) * tokens);
          expect(read.sort(ascending)).toEqual(Array.from(shards.ids).sort(ascending));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("gives each token's next one as its target, none at the end of a document, whichever rows cut it", async () => {
    await fc.assert(
      fc.asyncProperty(settings, async (options) => {
        const pairs: string[] = [];
        const source = tokenSource(shards, options);
        while (pairs.length < tokens) {
          const { ids, targets } = await source.next();
          ids.forEach((id, i) => {
            pairs.push(`${id} ${targets[i]}`);
          });
        }
        expect(pairs.slice(0, tokens).sort()).toEqual(expectedPairs(shards).sort());
      }),
      { numRuns: 40 },
    );
  });

  it("has sequences of at most a row, within one document where they are documents", async () => {
    await fc.assert(
      fc.asyncProperty(settings, async (options) => {
        const { rows, length, packing } = options;
        const source = tokenSource(shards, options);
        for (let n = 0; n < 5; n++) {
          const { ids, targets, cumulativeLengths } = await source.next();
          expect([ids.length, targets.length, cumulativeLengths.at(-1)]).toEqual(Array(3).fill(rows * length));
          const cuts = new Set(cumulativeLengths);
          expect(cuts.size).toBe(cumulativeLengths.length);
          for (let row = 0; row <= rows; row++) expect(cuts.has(row * length)).toBe(true);
          if (packing === "rows") {
            expect(cumulativeLengths).toHaveLength(rows + 1);
            continue;
          }
          // Within a sequence each target is the next token, so no document begins in it.
          for (let i = 0; i + 1 < ids.length; i++) if (!cuts.has(i + 1)) expect(targets[i]).toBe(ids[i + 1]);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("goes on from a state as it would have gone on, through JSON", async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.nat({ max: 60 }), async (options, before) => {
        const source = tokenSource(shards, options);
        for (let n = 0; n < before; n++) await source.next();
        const state: unknown = JSON.parse(JSON.stringify(source.state()));
        const other = tokenSource(shards, options);
        await other.next();
        other.restore(state);
        for (let n = 0; n < 20; n++) expect(await other.next()).toEqual(await source.next());
        expect(other.state()).toEqual(source.state());
      }),
      { numRuns: 40 },
    );
  });

  it("goes on from the very end of an epoch", async () => {
    const options = { rows: 1, length: tokens };
    const source = tokenSource(shards, options);
    await source.next();
    const other = tokenSource(shards, options);
    other.restore(source.state());
    expect(await other.next()).toEqual(await source.next());
  });

  it("shares an epoch among workers: together they read what one reads", async () => {
    for (const count of [1, 2, 3]) {
      const all: number[] = [];
      for (let index = 0; index < count; index++) {
        // One token a batch, so that none reaches into the next epoch.
        const source = tokenSource(shards, { rows: 1, length: 1, seed: 5, worker: { index, count } });
        const part: number[] = [];
        for (let batch = await source.next(); epochOf(source) === 0; batch = await source.next())
          part.push(...batch.ids);
        expect(part.length).toBeGreaterThan(0.9 * Math.floor(tokens / count));
        all.push(...part);
      }
      expect(all.sort(ascending)).toEqual(Array.from(shards.ids).sort(ascending));
    }
  });

  it("has an order that seed and epoch change, and nothing else", async () => {
    const first = (seed: number) => tokenSource(shards, { rows: 4, length: 32, seed }).next();
    expect(await first(1)).toEqual(await first(1));
    expect((await first(1)).ids).not.toEqual((await first(2)).ids);
    const source = tokenSource(shards, { rows: 1, length: tokens, seed: 1 });
    expect((await source.next()).ids).not.toEqual((await source.next()).ids);
  });

  it.each([
    { rows: 0, length: 8 },
    { rows: 1, length: 0.5 },
    { rows: 2 ** 20, length: 2 ** 20 },
    { rows: 1, length: 8, seed: -1 },
    { rows: 1, length: 8, worker: { index: 2, count: 2 } },
    { rows: 1, length: tokens, worker: { index: 0, count: 1000 } },
    { rows: 1, length: 8, packing: "row" as Packing },
  ])("refuses %j", (options) => {
    expect(() => tokenSource(shards, options)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  const options = { rows: 2, length: 16, seed: 3 };
  const state = tokenSource(shards, options).state() as object;
  it.each([
    [{ ...state, seed: 4 }, "manifest-mismatch"],
    [{ ...state, digest: "sha256:" }, "manifest-mismatch"],
    [{ ...state, length: 17 }, "manifest-mismatch"],
    [{ ...state, packing: "rows" }, "manifest-mismatch"],
    [{ ...state, piece: 1e6 }, "invalid-argument"],
    [{ ...state, offset: 16 }, "invalid-argument"],
    [{ ...state, epoch: "1" }, "invalid-argument"],
    [null, "invalid-argument"],
  ])("refuses the state %j", (wrong, code) => {
    const source = tokenSource(shards, options);
    expect(() => source.restore(wrong)).toThrow(expect.objectContaining({ code }));
    expect(source.state()).toEqual(state);
  });
});

describe("evaluationBatches", () => {
  it("gives every document once, in order, and then ends", () => {
    fc.assert(
      fc.property(settings, (options) => {
        const batches = [...evaluationBatches(shards, options)];
        expect(batches.flatMap(({ ids }) => [...ids])).toEqual(Array.from(shards.ids));
        const pairs = batches.flatMap(({ ids, targets }) => Array.from(ids, (id, i) => `${id} ${targets[i]}`));
        expect(pairs).toEqual(expectedPairs(shards));
        for (const { cumulativeLengths, ids } of batches) expect(cumulativeLengths.at(-1)).toBe(ids.length);
      }),
      { numRuns: 40 },
    );
  });

  it("counts the bytes of the text that is predicted: all but each document's first token", () => {
    const predicted = texts(60, 40).map((text) => {
      const [first = 0] = tokenizer.encode(text);
      return Buffer.byteLength(text) - (tokenizer.byteLengths[first] ?? 0);
    });
    for (const length of [1, 7, 64, tokens]) {
      const batches: TokenBatch[] = [...evaluationBatches(shards, { rows: 3, length: Math.min(length, 4096) })];
      expect(batches.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(predicted.reduce((sum, bytes) => sum + bytes));
    }
  });

  it("stops after the batch that reaches a number of tokens", () => {
    expect([...evaluationBatches(shards, { rows: 1, length: 10, maxTokens: 25 })]).toHaveLength(3);
    expect(() => [...evaluationBatches(shards, { rows: 1, length: 10, maxTokens: 0 })]).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});

async function take(source: TokenSource, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) ids.push(...(await source.next()).ids);
  return ids.slice(0, count);
}

/** Each token and its target, by hand from the documents. */
function expectedPairs({ ids, documentStarts }: TokenShards): string[] {
  const ends = new Set(documentStarts);
  return Array.from(ids, (id, i) => `${id} ${ends.has(i + 1) ? IGNORED_TARGET : ids[i + 1]}`);
}

function epochOf(source: TokenSource): number {
  return (source.state() as { epoch: number }).epoch;
}

function ascending(a: number, b: number): number {
  return a - b;
}
