// What each position sees of the tokens before it: its context, maxOrder ids with the current one first. The three
// kinds differ only in the id that fills what is out of sight and in the token that stops a look-back. Not the hash of
// a context: assembly/hash-kernel.ts.

/**
 * Marks a position that takes no part (V4.1's image placeholders): allowed among the ids of kind `deepseek-v4.1`
 * alone. No n-gram crosses it. Its own row ids are those of the pad id at the start of a sequence; they are rows of
 * the table, and the gate is to be forced to zero there.
 */
export const DEAD_TOKEN = 0xffff_ffff;

/** How far a position sees. */
export interface ContextRule {
  /** Tokens of a context: the greatest n-gram order. */
  readonly maxOrder: number;
  /** Id that stands where no token is seen. */
  readonly fill: number;
  /** Token that later positions cannot see, nor anything before it. */
  readonly boundary: number | undefined;
}

/** Where a sequence stands before its next token. */
export interface LookBack {
  /** How many of the latest tokens the next position sees, at most maxOrder - 1. */
  readonly reach: number;
  /** Those tokens, newest first. */
  readonly previous: Uint32Array;
}

/** The look-back at the start of a sequence. */
export const START_OF_SEQUENCE: LookBack = { reach: 0, previous: new Uint32Array(0) };

/**
 * Writes the contexts of `ids[from..to)` into `contexts`, [to - from, maxOrder] from index `at`, and returns the reach
 * of the position `to`. `ids[first..]` is the sequence's part of a batch and `before` what precedes `ids[first]`;
 * `reach` is that of position `from`.
 */
export function writeContexts(
  rule: ContextRule,
  ids: Uint32Array,
  range: { readonly first: number; readonly from: number; readonly to: number },
  before: LookBack,
  reach: number,
  contexts: Uint32Array,
  at: number,
): number {
  const { first, from, to } = range;
  const { fill } = rule;
  const boundary = rule.boundary ?? -1; // no id is negative
  const lookBacks = rule.maxOrder - 1;
  const previous = before.previous;
  let next = at;
  for (let t = from; t < to; t++) {
    const id = ids[t] as number; // t < ids.length: ranges are made from checked lengths
    const dead = id === DEAD_TOKEN;
    const seen = dead ? 0 : reach;
    contexts[next++] = dead ? fill : id;
    for (let k = 1; k <= lookBacks; k++) {
      // where k <= seen the token exists: in this part of the batch, or before it
      if (k > seen) contexts[next++] = fill;
      else contexts[next++] = (t - k >= first ? ids[t - k] : previous[first - t + k - 1]) as number;
    }
    reach = id === boundary ? 0 : reach < lookBacks ? reach + 1 : reach;
  }
  return reach;
}

/**
 * The contexts of `ids[from..to)` where no boundary lies among them: writes the maxOrder - 1 ids that the first of them
 * sees, then the ids themselves, oldest first, and returns true. Otherwise writes nothing and returns false.
 * Parameters as {@link writeContexts}. It saves a third of the time of a long prefill.
 */
export function writeRun(
  rule: ContextRule,
  ids: Uint32Array,
  range: { readonly first: number; readonly from: number; readonly to: number },
  before: LookBack,
  reach: number,
  run: Uint32Array,
): boolean {
  const { first, from, to } = range;
  const part = ids.subarray(from, to);
  if (rule.boundary !== undefined && part.includes(rule.boundary)) return false;
  const lookBacks = rule.maxOrder - 1;
  for (let k = 1; k <= lookBacks; k++) {
    const token = from - k >= first ? ids[from - k] : before.previous[first - from + k - 1];
    run[lookBacks - k] = k <= reach ? (token as number) : rule.fill; // within reach the token exists
  }
  run.set(part, lookBacks);
  return true;
}
