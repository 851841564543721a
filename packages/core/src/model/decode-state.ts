// What one sequence carries from step to step: caches of attentions and convolutions on the backend, and the n-gram
// history. Its tokens can be taken back (`rollback`, for drafts that were refused), and it can be copied (`fork`, for
// prefixes that sequences share). Not here: the steps themselves (decode-step.ts).
//
// Invariant: caches are addressed by position and never read at or after `length`, so taking tokens back only shortens
// `length`; what a ring no longer has is kept out of reach by `rollbackLimit`.

import type { NgramHistory } from "../addressing/history.js";
import { EngramError } from "../errors.js";
import type { CacheShape } from "./backend.js";
import type { Model } from "./forward-model.js";

/** Options of {@link createDecodeState}. */
export interface DecodeStateOptions {
  /** Most tokens of the sequence; default the model's context. */
  readonly capacity?: number;
  /** Latest tokens that may be taken back, 0 to 65,536; default 64. Windowed caches keep so many more. */
  readonly rollbackWindow?: number;
}

/** One sequence of one model. Not immutable: a step and a roll-back change it; only one step may run at a time. */
export interface DecodeState<T> {
  readonly model: Model<T>;
  /** Tokens so far. */
  readonly length: number;
  readonly capacity: number;
  /** Most tokens that {@link rollback} takes now; a roll-back uses it up and steps fill it again. */
  readonly rollbackLimit: number;
  /** The tokens as the addressing sees them; undefined for models without memory. */
  readonly history: NgramHistory | undefined;
  /**
   * Takes back the latest `count` tokens.
   * @throws EngramError `history-window` past {@link rollbackLimit}, `invalid-argument` while a step runs.
   */
  rollback(count: number): void;
  /**
   * A state of its own with the same tokens; the caches are copied.
   * @throws EngramError `invalid-argument` while a step runs.
   */
  fork(): DecodeState<T>;
  /** Frees the caches. Closing twice does nothing. */
  close(): void;
  [Symbol.dispose](): void;
  /** For drivers: opens a step. @throws EngramError `invalid-argument` where one is open, or the tokens are too many. */
  openStep(tokens: number): StateStep<T>;
}

/** The change of a state by one step, for drivers. Either committed or abandoned. */
export interface StateStep<T> {
  /** The cache of this name, made where there is none yet. */
  cache(name: string, shape: Omit<CacheShape, "capacity">): T;
  /** The tokens are part of the sequence from now on. */
  commit(history: NgramHistory | undefined): void;
  /** The step failed: the state is as before, with a smaller limit where a ring lost rows. Nothing after a commit. */
  abandon(): void;
}

/**
 * The state of a sequence without tokens.
 * @throws EngramError `invalid-argument` for options out of range.
 */
export function createDecodeState<T>(model: Model<T>, options: DecodeStateOptions = {}): DecodeState<T> {
  const { capacity = model.spec.contextTokens, rollbackWindow = DEFAULT_ROLLBACK_WINDOW } = options;
  checkWhole("capacity", capacity, model.spec.contextTokens);
  checkWhole("rollbackWindow", rollbackWindow, MOST_ROLLBACK_WINDOW);
  const history = model.addressing?.history({ rollbackWindow });
  return stateOf(model, { capacity, rollbackWindow }, { length: 0, limit: 0, history, caches: new Map() });
}

const DEFAULT_ROLLBACK_WINDOW = 64;
const MOST_ROLLBACK_WINDOW = 65_536;

interface Facts<T> {
  length: number;
  /** Below 0 where a failed step overwrote what the next token needs. */
  limit: number;
  history: NgramHistory | undefined;
  readonly caches: Map<string, T>;
}

function stateOf<T>(model: Model<T>, options: Required<DecodeStateOptions>, facts: Facts<T>): DecodeState<T> {
  const { backend } = model;
  const { capacity, rollbackWindow } = options;
  let stepOpen = false;
  let closed = false;
  const checkIdle = (operation: string): void => {
    if (closed) throw refused(operation, "the state is closed; make another one");
    if (stepOpen) throw refused(operation, "a step of this state is running; await it first, or fork before it");
  };
  const close = (): void => {
    closed = true;
    backend.dispose(facts.caches.values());
    facts.caches.clear();
  };
  return {
    model,
    capacity,
    get length() {
      return facts.length;
    },
    get rollbackLimit() {
      return Math.max(0, facts.limit);
    },
    get history() {
      return facts.history;
    },
    rollback(count) {
      checkIdle("state.rollback");
      const most = Math.max(0, facts.limit);
      if (!Number.isInteger(count) || count < 0 || count > most) {
        throw new EngramError({
          code: "history-window",
          operation: "state.rollback",
          message: `${String(count)} tokens back; this state of ${facts.length} tokens goes back a whole number from 0 to ${most}; create it with a greater rollbackWindow (now ${rollbackWindow}), or fork it before`,
          context: { count, length: facts.length, rollbackLimit: most },
        });
      }
      facts.history = facts.history?.rollback(count);
      facts.length -= count;
      facts.limit -= count;
    },
    fork() {
      checkIdle("state.fork");
      const caches = new Map([...facts.caches].map(([name, cache]) => [name, backend.copyCache(cache)]));
      return stateOf(model, options, { ...facts, caches });
    },
    close,
    [Symbol.dispose]: close,
    openStep(tokens) {
      checkIdle("state.openStep");
      if (facts.limit < 0) {
        throw refused("state.openStep", "an earlier step failed and overwrote what this one needs; start a new state");
      }
      if (facts.length + tokens > capacity) {
        throw refused(
          "state.openStep",
          `${facts.length} tokens and ${tokens} more; this state takes ${capacity}, the model's context ${model.spec.contextTokens}`,
        );
      }
      stepOpen = true;
      const end = (): boolean => {
        const open = stepOpen;
        stepOpen = false;
        return open;
      };
      return {
        cache(name, shape) {
          const known = facts.caches.get(name);
          if (known !== undefined) return known;
          const window = shape.window === undefined ? undefined : shape.window + rollbackWindow;
          const cache = backend.createCache({ width: shape.width, capacity, ...(window !== undefined && { window }) });
          facts.caches.set(name, cache);
          return cache;
        },
        commit(history) {
          if (!end()) return;
          facts.length += tokens;
          facts.limit = Math.min(facts.limit + tokens, rollbackWindow);
          facts.history = history;
        },
        abandon() {
          if (!end()) return;
          facts.limit = Math.min(facts.limit, rollbackWindow - tokens);
        },
      };
    },
  };
}

function checkWhole(field: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw refused("createDecodeState", `${field} is ${String(value)}; use a whole number from 0 to ${most}`);
}

function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
