// The tokens of one sequence so far, as a value: what a decoder must remember to hash the next token, and enough more
// to take drafts back. Immutable: append and rollback return a new history and the old one stays good, so a fork costs
// nothing and beams may share a prefix. One history serves all layers, for all of them look back equally far. It does
// not hash: addressing.ts.

import { EngramError } from "../errors.js";
import { type AddressingConfig, type AddressingKind, parseAddressingConfig } from "./addressing-config.js";
import type { ContextRule, LookBack } from "./contexts.js";
import { hashScheme } from "./derive-layers.js";
import { checkTokenIds } from "./token-ids.js";

/** A history as plain JSON, see {@link restoreHistory}. */
export interface HistorySnapshot {
  readonly kind: AddressingKind;
  readonly vocabSize: number;
  readonly maxOrder: number;
  readonly rollbackWindow: number;
  /** Tokens of the sequence so far. */
  readonly length: number;
  /** The latest of them, oldest first. */
  readonly tokens: readonly number[];
}

/** Options of a new history. */
export interface HistoryOptions {
  /**
   * Latest tokens that may be taken back, 0 to 65,536; default 64. Kept are these and the maxOrder - 1 tokens before
   * them, 4 bytes each.
   */
  readonly rollbackWindow?: number;
}

/** The tokens of one sequence so far. Immutable. */
export interface NgramHistory {
  readonly kind: AddressingKind;
  readonly vocabSize: number;
  readonly maxOrder: number;
  readonly rollbackWindow: number;
  /** Tokens of the sequence so far. */
  readonly length: number;
  /**
   * Most tokens that {@link rollback} takes now. The smaller of rollbackWindow and length as long as tokens are only
   * appended; a roll-back uses it up and appends fill it again.
   */
  readonly rollbackLimit: number;
  /**
   * The history after more tokens (dead ones and end-of-sequence included).
   * @throws EngramError `token-out-of-range` naming index and value.
   */
  append(ids: Uint32Array | readonly number[]): NgramHistory;
  /**
   * The history before its latest `count` tokens.
   * @throws EngramError `history-window` where they, or what they would uncover, are no longer kept.
   */
  rollback(count: number): NgramHistory;
  /** A history of its own that starts equal. As histories are immutable it may be the same object. */
  fork(): NgramHistory;
  /** Plain JSON from which {@link restoreHistory} makes an equal history. */
  snapshot(): HistorySnapshot;
  /** What the next token sees: the tokens within reach, newest first. */
  lookBack(): LookBack;
}

/** Most tokens that a history keeps for roll-backs. */
export const MAX_ROLLBACK_WINDOW = 65_536;

const DEFAULT_ROLLBACK_WINDOW = 64;

interface Facts {
  readonly kind: AddressingKind;
  readonly vocabSize: number;
  readonly rollbackWindow: number;
  readonly rule: ContextRule;
}

// A growing run of tokens that histories share: a history owns the tokens before its end, and the first to append
// at the end of what is used goes on in place; any other copies what it keeps. So a decoded token costs no copy.
interface Run {
  readonly tokens: Uint32Array;
  used: number;
}

function historyOf(facts: Facts, length: number, run: Run, start: number, end: number): NgramHistory {
  const { kind, vocabSize, rollbackWindow, rule } = facts;
  const lookBacks = rule.maxOrder - 1;
  const kept = end - start;
  const history: NgramHistory = {
    kind,
    vocabSize,
    maxOrder: rule.maxOrder,
    rollbackWindow,
    length,
    rollbackLimit: kept === length ? length : kept - lookBacks,
    append(ids) {
      const added = checkTokenIds(ids, { vocabSize, deadTokens: kind === "deepseek-v4.1" }, "history.append");
      if (added.length === 0) return history;
      const most = rollbackWindow + lookBacks;
      const fresh = added.length > most ? added.subarray(added.length - most) : added;
      const old = Math.min(kept, most - fresh.length);
      if (run.used === end && end + fresh.length <= run.tokens.length) {
        run.tokens.set(fresh, end);
        run.used = end + fresh.length;
        return historyOf(facts, length + added.length, run, end - old, run.used);
      }
      const used = old + fresh.length;
      const next: Run = { tokens: new Uint32Array(Math.max(2 * used, 2 * lookBacks + 8)), used };
      next.tokens.set(run.tokens.subarray(end - old, end));
      next.tokens.set(fresh, old);
      return historyOf(facts, length + added.length, next, 0, used);
    },
    rollback(count) {
      if (!Number.isInteger(count) || count < 0 || count > history.rollbackLimit) {
        throw new EngramError({
          code: "history-window",
          operation: "history.rollback",
          message: `${String(count)} tokens back; this history of ${length} tokens goes back a whole number from 0 to ${history.rollbackLimit}; create it with a greater rollbackWindow (now ${rollbackWindow}), or keep the history of before`,
          context: { count, length, rollbackLimit: history.rollbackLimit },
        });
      }
      return count === 0 ? history : historyOf(facts, length - count, run, start, end - count);
    },
    fork: () => history,
    snapshot: () => ({
      kind,
      vocabSize,
      maxOrder: rule.maxOrder,
      rollbackWindow,
      length,
      tokens: Array.from(run.tokens.subarray(start, end)),
    }),
    lookBack() {
      const previous = run.tokens.slice(Math.max(start, end - lookBacks), end).reverse();
      const stop = rule.boundary === undefined ? -1 : previous.indexOf(rule.boundary);
      return { reach: stop < 0 ? previous.length : stop, previous };
    },
  };
  return history;
}

/**
 * The history of a sequence that has no tokens yet.
 * @throws EngramError `invalid-config`; `invalid-argument` where rollbackWindow is out of range.
 */
export function createHistory(config: AddressingConfig, options: HistoryOptions = {}): NgramHistory {
  const facts = historyFacts(config, options.rollbackWindow ?? DEFAULT_ROLLBACK_WINDOW, "createHistory");
  return historyOf(facts, 0, { tokens: new Uint32Array(2 * facts.rule.maxOrder + 8), used: 0 }, 0, 0);
}

function historyFacts(config: AddressingConfig, rollbackWindow: number, operation: string): Facts {
  const { kind, vocabSize } = parseAddressingConfig(config);
  if (!Number.isInteger(rollbackWindow) || rollbackWindow < 0 || rollbackWindow > MAX_ROLLBACK_WINDOW) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `rollbackWindow is ${String(rollbackWindow)}; use a whole number of tokens from 0 to ${MAX_ROLLBACK_WINDOW}`,
      context: { rollbackWindow },
    });
  }
  return { kind, vocabSize, rollbackWindow, rule: hashScheme(kind).contextRule(config) };
}

/**
 * The history that a snapshot was taken of.
 * @throws EngramError `invalid-argument` where the snapshot is not of this addressing, or is not what `snapshot()`
 * gives; `token-out-of-range` where it holds a token that cannot be.
 */
export function restoreHistory(config: AddressingConfig, snapshot: unknown): NgramHistory {
  const operation = "restoreHistory";
  const refuse = (field: string, found: unknown, expected: string): never => {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `snapshot.${field} is ${JSON.stringify(found)?.slice(0, 80)}; expected ${expected}; restore what snapshot() gave, with the same addressing`,
      context: { field, found },
    });
  };
  if (typeof snapshot !== "object" || snapshot === null) refuse("kind", undefined, `"${config.kind}"`);
  const found = snapshot as Partial<Record<keyof HistorySnapshot, unknown>>; // each field is checked below
  const { rollbackWindow, length, tokens } = found;
  if (typeof rollbackWindow !== "number") return refuse("rollbackWindow", rollbackWindow, "a number");
  const facts = historyFacts(config, rollbackWindow, operation);
  const { rule } = facts;
  if (found.kind !== facts.kind) refuse("kind", found.kind, `"${facts.kind}"`);
  if (found.vocabSize !== facts.vocabSize) refuse("vocabSize", found.vocabSize, String(facts.vocabSize));
  if (found.maxOrder !== rule.maxOrder) refuse("maxOrder", found.maxOrder, String(rule.maxOrder));
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) {
    return refuse("length", length, "a whole number of tokens");
  }
  const most = rollbackWindow + rule.maxOrder - 1;
  if (!Array.isArray(tokens) || tokens.length > most || tokens.length > length) {
    return refuse("tokens", tokens, `an array of at most ${Math.min(most, length)} token ids`);
  }
  if (tokens.length < Math.min(length, rule.maxOrder - 1)) {
    return refuse("tokens", tokens, `at least the latest ${Math.min(length, rule.maxOrder - 1)} token ids`);
  }
  const range = { vocabSize: facts.vocabSize, deadTokens: facts.kind === "deepseek-v4.1" };
  const run = { tokens: checkTokenIds(tokens, range, operation), used: tokens.length };
  return historyOf(facts, length, run, 0, tokens.length);
}
