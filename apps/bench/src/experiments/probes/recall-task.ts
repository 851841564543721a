// One sequence in which values have to be recalled by their keys. `pairs`: keys and values one after the other, real text,
// and keys again, each to be followed by its value (multi-query associative recall). `needles`: sentences that give a key a
// value, hidden in real text, and at the end the beginnings of such sentences, one a key (multi-query needle).
// What the text says has nothing to do with the keys: nothing but the sequence tells a value.

import { EngramError } from "@engram-ts/core";
import { IGNORED_TARGET, type TokenBatch, type Tokenizer } from "@engram-ts/train";
import type { RecallWord } from "./recall-words.js";

/** The forms of the task. */
export const RECALL_TASKS = ["pairs", "needles"] as const;

/** One of {@link RECALL_TASKS}. */
export type RecallTask = (typeof RECALL_TASKS)[number];

/** What a sequence is made of. */
export interface RecallSequenceOptions {
  readonly task: RecallTask;
  /** Tokens of the sequence. */
  readonly length: number;
  /** Different keys; each is given a value once. */
  readonly pairs: number;
  /** Questions; the first ones ask every key once, in any order, further ones any. */
  readonly queries: number;
  readonly keys: readonly RecallWord[];
  readonly values: readonly RecallWord[];
  readonly sentence: NeedleSentence;
  /** Real text, so many tokens of it. */
  filler(tokens: number): ArrayLike<number>;
  random(): number;
}

/** What a needle says around key and value. */
export interface NeedleSentence {
  readonly before: readonly number[];
  readonly between: readonly number[];
  readonly after: readonly number[];
}

/** A sequence, and where its answers are. */
export interface RecallSequence {
  readonly ids: Uint32Array;
  /** The answers' tokens; nothing else counts. */
  readonly targets: Int32Array;
  /** Place of the token before each answer's first one: the next two targets are the answer. */
  readonly answers: readonly number[];
}

/** The needle's sentence in a tokenizer's tokens. */
export function needleSentence(tokenizer: Pick<Tokenizer, "encode">): NeedleSentence {
  const [before, between, after] = [" The code of", " is", "."].map((text) => [...tokenizer.encode(text)]);
  return { before: before ?? [], between: between ?? [], after: after ?? [] };
}

/** Tokens that a sequence has at the least: what is left of its length is text. */
export function recallTokens(task: RecallTask, { before, between, after }: NeedleSentence): number {
  return task === "pairs" ? 4 : before.length + between.length + after.length + 4;
}

/**
 * Makes a sequence.
 * @throws EngramError `invalid-argument` where the pairs do not fit, or there are fewer keys.
 */
export function recallSequence(options: RecallSequenceOptions): RecallSequence {
  const { task, length, pairs, queries, keys, values, sentence, filler, random } = options;
  const each = recallTokens(task, sentence);
  const text = length - each * (pairs + queries);
  if (text < 0 || pairs > keys.length) {
    const message = `${pairs} pairs and ${queries} questions of ${each} tokens do not fit into ${length} tokens and ${keys.length} keys; ask for fewer`;
    throw new EngramError({ code: "invalid-argument", operation: "recallSequence", message });
  }
  const chosen = shuffled(keys, random).slice(0, pairs);
  const given = chosen.map((key): Pair => ({ key, value: values[Math.floor(random() * values.length)] ?? [0, 0] }));
  const any = () => given[Math.floor(random() * pairs)];
  const asked = [...shuffled(given, random), ...Array.from({ length: Math.max(0, queries - pairs) }, any)];
  const around = task === "pairs" ? NOTHING : sentence;
  const said = ({ key, value }: Pair) => [...around.before, ...key, ...around.between, ...value, ...around.after];
  const ids: number[] = [];
  const words = Array.from(filler(text));
  if (task === "pairs") {
    ids.push(...given.flatMap(said), ...words);
  } else {
    const cuts = Array.from({ length: pairs }, () => Math.floor(random() * (text + 1))).toSorted((a, b) => a - b);
    for (const [i, pair] of given.entries()) ids.push(...words.slice(cuts[i - 1] ?? 0, cuts[i]), ...said(pair));
    ids.push(...words.slice(cuts.at(-1) ?? 0));
  }
  const targets = new Int32Array(length).fill(IGNORED_TARGET);
  const answers: number[] = [];
  for (const pair of asked.slice(0, queries)) {
    if (pair === undefined) continue; // no pairs, no questions
    const place = ids.length + around.before.length + 2 + around.between.length - 1;
    ids.push(...said(pair));
    targets.set(pair.value, place);
    answers.push(place);
  }
  return { ids: Uint32Array.from(ids), targets, answers };
}

interface Pair {
  readonly key: RecallWord;
  readonly value: RecallWord;
}

const NOTHING: NeedleSentence = { before: [], between: [], after: [] };

/** Sequences end to end as one batch. */
export function packedSequences(
  sequences: readonly { readonly ids: Uint32Array; readonly targets: Int32Array }[],
): TokenBatch {
  const cumulativeLengths = new Uint32Array(sequences.length + 1);
  for (const [s, { ids }] of sequences.entries()) cumulativeLengths[s + 1] = (cumulativeLengths[s] ?? 0) + ids.length;
  const tokens = cumulativeLengths.at(-1) ?? 0;
  const batch = { ids: new Uint32Array(tokens), targets: new Int32Array(tokens), cumulativeLengths, bytes: 0 };
  for (const [s, { ids, targets }] of sequences.entries()) {
    batch.ids.set(ids, cumulativeLengths[s]);
    batch.targets.set(targets, cumulativeLengths[s]);
  }
  return batch;
}

function shuffled<V>(values: readonly V[], random: () => number): V[] {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [order[i], order[j]];
    if (a !== undefined && b !== undefined) [order[i], order[j]] = [b, a];
  }
  return order;
}
