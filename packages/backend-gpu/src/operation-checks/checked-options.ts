// Options of one call: counts that are whole, numbers that are finite, words that are known, and ids that are in range.

import type { Rotary } from "@engram-ts/core";
import { EngramError } from "@engram-ts/core";
import { refused } from "./checked-inputs.js";

/** Checks that options are whole numbers from `least` on. */
export function checkCounts(operation: string, counts: Readonly<Record<string, number>>, least = 1): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw refused(operation, `${name} is ${value}, expected a whole number of at least ${least}`);
  }
}

/** Checks that options are finite numbers. */
export function checkFinite(operation: string, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value)) throw refused(operation, `${name} is ${value}, expected a finite number`);
  }
}

/** Checks what is added so that nothing is divided by 0. */
export function checkEpsilon(operation: string, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw refused(operation, `${name} is ${value}, expected a finite number that is not negative`);
  }
}

/** Checks that an option is one of the values that it may have. */
export function checkChoice(operation: string, name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const said = choices.map((choice) => JSON.stringify(choice)).join(" or ");
  throw refused(operation, `${name} is ${JSON.stringify(value)}, expected ${said}`);
}

/** Checks that the pairs to be turned fit into a head. */
export function checkRotary(operation: string, { frequencies, amplitude, pairs }: Rotary, width: number): void {
  checkChoice(operation, "rotary.pairs", pairs, ["interleaved", "halves"]);
  checkFinite(operation, { "rotary.amplitude": amplitude });
  if (2 * frequencies.length <= width && frequencies.every(Number.isFinite)) return;
  const found = `rotary has ${frequencies.length} frequencies`;
  throw refused(
    operation,
    `${found}, expected finite ones, at most ${Math.floor(width / 2)} for ${width} values a head`,
  );
}

/** Checks one number a token. */
export function checkLength(operation: string, name: string, found: number, tokens: number): void {
  if (found !== tokens)
    throw refused(operation, `${name} has ${found} entries, expected one for each of ${tokens} tokens`);
}

/**
 * Sides of n rows of d values that come in a matrix of so many rows: several of them side by side where it has fewer.
 * @returns `[n, d]`, which no other matrix has, where they do not divide.
 */
export function sideBySide(tokens: number, n: number, d: number): readonly [number, number] {
  const perToken = tokens > 0 && n % tokens === 0 ? n / tokens : 1;
  return [n / perToken, perToken * d];
}

/** Checks ids of a table. @throws EngramError `token-out-of-range` */
export function checkIds(operation: string, ids: Uint32Array, rows: number): void {
  let index = 0;
  while (index < ids.length && (ids[index] as number) < rows) index++; // rows of a table are many: no call for each
  if (index === ids.length) return;
  throw new EngramError({
    code: "token-out-of-range",
    operation,
    message: `token ${index} has id ${ids[index]}; ids are below ${rows}`,
    context: { index, id: ids[index] },
  });
}

/** Checks numbers of tokens. */
export function checkTokens(operation: string, tokens: Uint32Array, count: number): void {
  const index = tokens.findIndex((token) => token >= count);
  if (index >= 0) throw refused(operation, `tokens[${index}] is ${tokens[index]}; x has ${count} tokens`);
}

/** Checks targets of logits `[tokens, vocabulary]`. @throws EngramError `token-out-of-range` */
export function checkTargets(operation: string, targets: Int32Array, tokens: number, vocabulary: number): void {
  const wrong = targets.findIndex((target) => target >= vocabulary);
  if (wrong < 0 && targets.length === tokens) return;
  const found = wrong >= 0 ? `targets[${wrong}] is ${targets[wrong]}` : `there are ${targets.length} targets`;
  throw new EngramError({
    code: wrong >= 0 ? "token-out-of-range" : "invalid-argument",
    operation,
    message: `${found}; logits are [${tokens}, ${vocabulary}]: a target below ${vocabulary} a token, negative for none`,
  });
}
