// How many retries all calls together may make: a bucket of tokens. Each retry takes one, each success puts a part of
// one back. When a store is down, retries then stop after the first few instead of multiplying the load on it.

import { EngramError } from "../errors.js";

/** A bucket of tokens. */
export interface RetryBudget {
  /** Takes a token; false where there is none. */
  take(): boolean;
  /** A prefetch has succeeded. */
  succeeded(): void;
}

/** How large the bucket is. */
export interface RetryBudgetOptions {
  /** Tokens at the start and at most. Default 100. */
  readonly tokens?: number;
  /** Tokens that a success puts back, so the share of retries in the long run. Default 0.1. */
  readonly perSuccess?: number;
}

/**
 * A full bucket.
 * @throws EngramError `invalid-argument` where a number is out of range.
 */
export function retryBudget({ tokens = 100, perSuccess = 0.1 }: RetryBudgetOptions = {}): RetryBudget {
  for (const [name, value] of Object.entries({ tokens, perSuccess })) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new EngramError({
      code: "invalid-argument",
      operation: "withRetry",
      message: `options.budget.${name} is ${String(value)}; use a number from 0`,
    });
  }
  let left = tokens;
  return {
    take() {
      if (left < 1) return false;
      left--;
      return true;
    },
    succeeded() {
      left = Math.min(tokens, left + perSuccess);
    },
  };
}
