// The n-grams of one position, spelled out with BigInt for people and tests: what the hash saw, the mixed number, and
// the rows that it gave. Its own plain arithmetic, so it also checks the kernels. Not a hot path.

import { type ContextRule, type LookBack, writeContexts } from "./contexts.js";
import type { LayerAddressing } from "./derive-layers.js";

/** One n-gram as the hash sees it. */
export interface Ngram {
  /** Its length: 2, 3, ... */
  readonly order: number;
  /** Its token ids, the current one first, then look-back 1, 2, ...; the pad or eos id where nothing is seen. */
  readonly context: readonly number[];
  /** Exclusive or of ids times multipliers, below 2^63; each head takes its remainder. */
  readonly mix: bigint;
  /** Row of each head in the module's table. */
  readonly rowIds: readonly number[];
}

/** The n-grams of all orders that end at `ids[position]`, a checked position of checked ids that follow `before`. */
export function ngramsOf(
  rule: ContextRule,
  numbers: LayerAddressing,
  ids: Uint32Array,
  position: number,
  before: LookBack,
): Ngram[] {
  const contexts = new Uint32Array((position + 1) * rule.maxOrder);
  writeContexts(rule, ids, { first: 0, from: 0, to: position + 1 }, before, before.reach, contexts, 0);
  const seen = Array.from(contexts.subarray(position * rule.maxOrder));
  const products = seen.map((id, k) => BigInt(id) * (numbers.multipliers[k] ?? 0n)); // one multiplier per look-back
  let head = 0;
  return numbers.primes.map((primes, i) => {
    const order = i + 2;
    const mix = products.slice(0, order).reduce((mixed, product) => mixed ^ product, 0n);
    const rowIds = primes.map((prime) => Number(mix % BigInt(prime)) + (numbers.offsets[head++] ?? 0));
    return { order, context: seen.slice(0, order), mix, rowIds };
  });
}
