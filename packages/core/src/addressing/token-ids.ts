// The check of token ids before anything is computed from them. Not their compression: token-map.ts.

import { EngramError } from "../errors.js";
import { DEAD_TOKEN } from "./contexts.js";

/** Which ids may occur. */
export interface TokenRange {
  readonly vocabSize: number;
  /** Whether {@link DEAD_TOKEN} may occur as well. */
  readonly deadTokens: boolean;
}

/**
 * Returns the ids as a Uint32Array (the same one where it is one already), each checked.
 * @throws EngramError `token-out-of-range` naming the first bad id and its index; `invalid-argument` for anything but a
 * Uint32Array or an array of numbers.
 */
export function checkTokenIds(ids: Uint32Array | readonly number[], range: TokenRange, operation: string): Uint32Array {
  const { vocabSize, deadTokens } = range;
  if (ids instanceof Uint32Array) {
    let outside = 0;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number; // i < length
      if (id >= vocabSize && !(deadTokens && id === DEAD_TOKEN)) outside++;
    }
    if (outside > 0) {
      const index = ids.findIndex((id) => id >= vocabSize && !(deadTokens && id === DEAD_TOKEN));
      throw tokenOutOfRange(ids[index], index, range, operation);
    }
    return ids;
  }
  if (!Array.isArray(ids)) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: "token ids must be a Uint32Array or an array of whole numbers; use Uint32Array.from(ids)",
    });
  }
  const checked = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i];
    const valid = typeof id === "number" && Number.isInteger(id) && id >= 0;
    if (!valid || (id >= vocabSize && !(deadTokens && id === DEAD_TOKEN))) {
      throw tokenOutOfRange(id, i, range, operation);
    }
    checked[i] = id;
  }
  return checked;
}

function tokenOutOfRange(id: unknown, index: number, range: TokenRange, operation: string): EngramError {
  const dead = range.deadTokens ? `, or DEAD_TOKEN (${DEAD_TOKEN})` : "";
  const hint = id === DEAD_TOKEN ? "only kind deepseek-v4.1 knows dead tokens" : "was the right token map applied?";
  return new EngramError({
    code: "token-out-of-range",
    operation,
    message: `token id ${String(id)} at index ${index}; use whole numbers from 0 to ${range.vocabSize - 1}${dead}; ${hint}`,
    context: { index, value: id, vocabSize: range.vocabSize },
  });
}
