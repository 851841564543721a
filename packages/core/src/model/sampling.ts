// Chooses the next token from logits: the best, or one drawn after temperature, top-k and top-p. Seeded and exact: equal
// logits and seed give equal tokens on every machine whose Math.exp is the same. Not here: the loop (generate.ts).

import { EngramError } from "../errors.js";

/** How tokens are drawn. */
export interface SamplingOptions {
  /** 0, the default, takes the most likely token; the first of equal ones. */
  readonly temperature?: number;
  /** Only the most likely `topK` tokens; all where left out. */
  readonly topK?: number;
  /** Only the fewest most likely tokens whose probabilities sum to at least `topP`; above 0, at most 1. */
  readonly topP?: number;
  /** 0 to 2^32 - 1; default 0. */
  readonly seed?: number;
}

/** Draws tokens, one call after the other: the n-th draw depends on the seed and n alone. */
export type Sampler = (logits: Float32Array) => number;

/**
 * A sampler.
 * @throws EngramError `invalid-argument` naming the option; the sampler itself throws it for logits without a finite one.
 * @example
 * const sample = sampler({ temperature: 0.8, topK: 40, topP: 0.95, seed: 1 });
 * sample(logits); // a token id
 */
export function sampler(options: SamplingOptions = {}): Sampler {
  const { temperature = 0, topK, topP = 1, seed = 0 } = options;
  check("temperature", temperature, Number.isFinite(temperature) && temperature >= 0, "a number of at least 0");
  check("topK", topK, topK === undefined || (Number.isInteger(topK) && topK >= 1), "a whole number of at least 1");
  check("topP", topP, topP > 0 && topP <= 1, "a number above 0, at most 1");
  check("seed", seed, seed >>> 0 === seed, "a whole number from 0 to 2^32 - 1");
  if (temperature === 0) return best;
  const draw = uniform(seed);
  return (logits) => {
    const u = draw();
    const most = logits[best(logits)] ?? 0;
    const weight = (token: number) => Math.exp(((logits[token] ?? 0) - most) / temperature);
    const tokens = candidates(logits, weight, topK ?? logits.length, topP);
    let sum = 0;
    for (const token of tokens) sum += weight(token);
    let left = u * sum;
    for (const token of tokens) {
      left -= weight(token);
      if (left < 0) return token;
    }
    return tokens.findLast((token) => weight(token) > 0) ?? 0; // rounding left a rest
  };
}

/** The token with the greatest logit, the first of equal ones. */
function best(logits: Float32Array): number {
  let token = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] ?? 0;
    if (value > most) {
      most = value;
      token = i;
    }
  }
  if (token >= 0 && Number.isFinite(most)) return token;
  throw new EngramError({
    code: "invalid-argument",
    operation: "sample",
    message: `none of ${logits.length} logits is finite and the greatest; a weight or a row is not a number`,
  });
}

/** The tokens that may be drawn, by rising id: so that logits that are all but equal may change places unnoticed. */
function candidates(logits: Float32Array, weight: (token: number) => number, topK: number, topP: number): Uint32Array {
  const order = Uint32Array.from(logits, (_, i) => i);
  if (topK >= logits.length && topP === 1) return order;
  order.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b); // by falling logit, the first of equal ones first
  const first = order.subarray(0, topK);
  return first.subarray(0, nucleus(first, weight, topP)).sort();
}

/** How many of the tokens, by falling weight, make up the share `topP` of their sum. */
function nucleus(tokens: Uint32Array, weight: (token: number) => number, topP: number): number {
  if (topP === 1) return tokens.length;
  let total = 0;
  for (const token of tokens) total += weight(token);
  let sum = 0;
  for (let count = 0; count < tokens.length; count++) {
    sum += weight(tokens[count] ?? 0);
    if (sum >= topP * total) return count + 1;
  }
  return tokens.length;
}

/** Numbers in [0, 1) with 53 bits: SplitMix32 twice a draw. */
function uniform(seed: number): () => number {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x9e37_79b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
    return (x ^ (x >>> 16)) >>> 0;
  };
  return () => {
    const high = next() >>> 5; // 27 bits
    const low = next() >>> 6; // 26 bits
    return (high * 2 ** 26 + low) / 2 ** 53;
  };
}

function check(name: string, value: unknown, holds: boolean, expected: string): void {
  if (holds) return;
  throw new EngramError({
    code: "invalid-argument",
    operation: "sampler",
    message: `${name} is ${String(value)}; use ${expected}`,
    context: { name, value },
  });
}
