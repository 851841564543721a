// Tasks of recall read back by a reader of their own: every question's answer is the value that the sequence gave its key.
// Right answers against greedy generation.

import { generate } from "@engram-ts/core";
import { IGNORED_TARGET } from "@engram-ts/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cell } from "../../../src/experiments/cell.js";
import { recalled } from "../../../src/experiments/probes/recall-probe.js";
import {
  needleSentence,
  RECALL_TASKS,
  recallSequence,
  recallTokens,
} from "../../../src/experiments/probes/recall-task.js";
import { recallText } from "../../../src/experiments/probes/recall-text.js";
import { recallWords } from "../../../src/experiments/probes/recall-words.js";
import { seeded } from "../../../src/statistics/seeded.js";
import { busyProbed, VOCABULARY } from "./probed-fixture.js";
import { wordShards } from "./recall-fixture.js";

const shards = await wordShards();
const { tokenizer } = shards.training;
const words = recallWords(tokenizer, 4);
const sentence = needleSentence(tokenizer);

/** What pairs or sentences say before the questions: values by key. */
function valuesGiven(task: (typeof RECALL_TASKS)[number], ids: readonly number[], pairs: number): Map<string, string> {
  const given = new Map<string, string>();
  const { before, between } = sentence;
  for (let t = 0; t < ids.length && given.size < pairs; t++) {
    if (task === "pairs") {
      if (t % 4 === 0) given.set(ids.slice(t, t + 2).join(), ids.slice(t + 2, t + 4).join());
    } else if (before.every((id, i) => ids[t + i] === id)) {
      const key = t + before.length;
      const value = key + 2 + between.length;
      given.set(ids.slice(key, key + 2).join(), ids.slice(value, value + 2).join());
    }
  }
  return given;
}

describe("recallWords", () => {
  it("makes words of two tokens, none of which says which word it is, and keeps some keys from training", () => {
    const { keys, freshKeys, values } = words;
    expect([keys.length, freshKeys.length, values.length]).toEqual([12, 4, 16]);
    const all = [...keys, ...freshKeys, ...values].map(String);
    expect(new Set(all).size).toBe(all.length);
    for (const [side, form] of [/^ [a-z]{2,}$/, /^[a-z]{2,}$/].entries()) {
      const of = (some: typeof keys) => new Set(some.map((word) => word[side] ?? 0));
      expect([of(keys).size, of(values).size]).toEqual([4, 4]);
      for (const id of of(freshKeys)) expect(of(keys).has(id)).toBe(true);
      for (const id of of(values)) expect(of(keys).has(id)).toBe(false);
      for (const id of of(keys)) expect(tokenizer.decode(Uint32Array.of(id))).toMatch(form);
    }
    expect(() => recallWords(tokenizer, 500)).toThrow(/tokens of small letters where 1000 are needed/);
  });
});

describe("recallSequence", () => {
  it("asks for what it said before, whatever task, length and numbers", () => {
    const text = Uint32Array.from({ length: 200 }, (_, t) => tokenizer.vocabSize + t); // no token of any word
    fc.assert(
      fc.property(
        fc.constantFrom(...RECALL_TASKS),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 100 }),
        fc.nat(),
        (task, pairs, more, filler, seed) => {
          const queries = pairs + more;
          const length = recallTokens(task, sentence) * (pairs + queries) + filler;
          const made = recallSequence({
            ...{ task, length, pairs, queries, keys: words.keys, values: words.values, sentence },
            ...{ filler: (tokens) => text.subarray(0, tokens), random: seeded(seed) },
          });
          const ids = [...made.ids];
          expect(ids).toHaveLength(length);
          expect(ids.filter((id) => id >= tokenizer.vocabSize)).toEqual([...text.subarray(0, filler)]);
          const given = valuesGiven(task, ids, pairs);
          expect(given.size).toBe(pairs);
          expect(made.answers).toHaveLength(queries);
          const expected = new Int32Array(length).fill(IGNORED_TARGET);
          const asked = made.answers.map((place) => {
            const before = task === "pairs" ? 0 : sentence.between.length;
            const key = ids.slice(place - before - 1, place - before + 1).join();
            expect(ids.slice(place + 1, place + 3).join()).toBe(given.get(key));
            expected.set(ids.slice(place + 1, place + 3), place);
            return key;
          });
          expect(made.targets).toEqual(expected);
          expect(new Set(asked.slice(0, pairs)).size).toBe(pairs);
        },
      ),
    );
  });

  it("refuses what does not fit", () => {
    const options = { length: 8, queries: 2, keys: words.keys, values: words.values, sentence } as const;
    const make = (pairs: number) => () =>
      recallSequence({ ...options, task: "pairs", pairs, filler: () => [], random: seeded(1) });
    expect(make(2)).toThrow(/2 pairs and 2 questions of 4 tokens do not fit into 8 tokens/);
  });
});

describe("recallText", () => {
  const cell = { batch: { rows: 8, length: 64 }, seed: 3 } as unknown as Cell; // what a text reads of a cell
  const open = (seed = 3) => recallText(shards, { ...cell, seed }, { sides: 4 });

  it("goes on from a state as if it had not stopped, and differs from seed to seed", async () => {
    const { source } = open();
    await source.next();
    const state = JSON.parse(JSON.stringify(source.state()));
    const following = [await source.next(), await source.next()];
    const other = open().source;
    other.restore(state);
    expect([await other.next(), await other.next()]).toEqual(following);
    expect((await open(4).source.next()).ids).not.toEqual((await open().source.next()).ids);
    expect(open(4).digest).not.toBe(open().digest);
    expect(() => other.restore({ at: -1 })).toThrow(/give one that the source gave/);
  });

  it("has one layout: rows of text, of which all counts, and tasks of which only answers do", async () => {
    const { source } = open();
    const [first, second] = [await source.next(), await source.next()];
    expect(second.cumulativeLengths).toEqual(first.cumulativeLengths);
    expect(first.ids).toHaveLength(8 * 64);
    const sequences = [...first.cumulativeLengths.entries()].slice(1).map(([s, end]) => {
      const from = first.cumulativeLengths[s - 1] ?? 0;
      return { ids: first.ids.subarray(from, end), targets: first.targets.subarray(from, end) };
    });
    expect(sequences.map(({ ids }) => ids.length)).toEqual([
      64, 64, 64, 64, 32, 32, 32, 32, 16, 16, 16, 16, 16, 16, 16, 16,
    ]);
    const text = [...shards.training.ids].join();
    for (const [s, { ids, targets }] of sequences.entries()) {
      if (s < 2) {
        expect(text).toContain([...ids, targets.at(-1) ?? 0].join());
        expect([...targets.subarray(0, -1)]).toEqual([...ids.subarray(1)]);
      } else {
        const counted = [...targets].filter((target) => target >= 0).length;
        expect(counted).toBeGreaterThanOrEqual(2);
        expect(counted).toBeLessThanOrEqual(ids.length / 2);
      }
    }
  });
});

describe("recalled", () => {
  it("counts the answers that greedy generation would give", async () => {
    const { model, tables } = busyProbed();
    const random = seeded(11);
    const sequences = [];
    for (let s = 0; s < 8; s++) {
      const prompt = Array.from({ length: 6 }, () => Math.floor(random() * VOCABULARY));
      const answer: number[] = [];
      for await (const id of generate(model, { prompt, tables, maxTokens: 2 })) answer.push(id);
      if (s % 4 > 0) answer[s % 2] = ((answer[s % 2] ?? 0) + 1) % VOCABULARY; // one of both tokens is wrong
      const ids = Uint32Array.from([...prompt, ...answer]);
      const targets = new Int32Array(8).fill(IGNORED_TARGET);
      targets.set(answer, 5);
      sequences.push({ ids, targets, answers: [5] });
    }
    expect(await recalled({ model, tables }, sequences)).toMatchObject({ answers: 8, accuracy: 2 / 8 });
  });
});
