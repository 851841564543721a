// Who is alive: the handles of one opened backend and what is behind them. All calls of the backend go through `run`,
// which sees that tfjs works with this backend's kernels, that nothing is left of what was made for a while, and that
// foreign errors come out as ours. tfjs has one engine with one current backend for a whole process; it is set for the
// time of a call and then put back, so that two of ours, and a program's own tfjs, do not disturb each other.

import { EngramError, isEngramError } from "@engram-ts/core";
import { refused } from "../operation-checks/checked-inputs.js";
import { elements } from "./tensor-shape.js";
import type { TfjsArray, TfjsLibrary } from "./tfjs-library.js";
import { arraysOf, bytesOf, type Held, type TfjsTensor } from "./tfjs-tensor.js";

/** The books of one backend. */
export interface TensorBook {
  /** Runs a call: everything that it makes and does not give back is freed. */
  run<R>(operation: string, call: () => R): R;
  /** A new handle of values, which from now on are its own. */
  born(array: TfjsArray): TfjsTensor;
  /** A new handle of a cache. */
  bornCache(cache: Extract<Held, { cache: object }>["cache"]): TfjsTensor;
  /** What is behind a handle. Throws `invalid-argument` where it is disposed of, or of elsewhere. */
  held(operation: string, name: string, tensor: unknown): Held;
  /** The values behind a handle. Throws as `held`, and where it is a cache. */
  array(operation: string, name: string, tensor: unknown): TfjsArray;
  /** Gives a handle other values of the same shape. */
  replace(tensor: TfjsTensor, array: TfjsArray): void;
  dispose(tensors: Iterable<TfjsTensor>): void;
  memory(): { tensors: number; bytes: number };
  /** Frees everything; from now on every call is refused. */
  close(): void;
  readonly closed: boolean;
  /** From now on every call is refused by this error. */
  end(failure: (operation: string) => EngramError): void;
  /** What ended it, or undefined. */
  readonly failure: ((operation: string) => EngramError) | undefined;
  /** Calls a listener when it is closed or ended; gives what takes the listener away. */
  whenOver(listener: () => void): () => void;
}

/** Opens the books. `backendName` is what tfjs calls the backend. */
export function openBook(tf: TfjsLibrary, backendName: string): TensorBook {
  const alive = new Map<unknown, Held>();
  let failure: ((operation: string) => EngramError) | undefined;
  let closed = false;
  const listeners = new Set<() => void>();

  const run = <R>(operation: string, call: () => R): R => {
    if (closed) throw refused(operation, "the backend is closed; open another one");
    if (failure !== undefined) throw failure(operation);
    const engine = tf.engine();
    const before = engine.backendName;
    // both are initialized, so setBackend is done before it returns its promise
    if (before !== backendName) void tf.setBackend(backendName);
    try {
      return tf.tidy(call);
    } catch (error) {
      throw ours(operation, error);
    } finally {
      if (before !== backendName && before in engine.registry) void tf.setBackend(before);
    }
  };
  const free = (held: Held): void => {
    for (const array of arraysOf(held)) array.dispose();
  };
  const held = (operation: string, name: string, tensor: unknown): Held => {
    const found = alive.get(tensor);
    if (found !== undefined) return found;
    throw refused(
      operation,
      `${name} is disposed of, or is of another backend; dispose of tensors after their last use`,
    );
  };
  const handle = (shape: readonly number[], content: Held): TfjsTensor => {
    const tensor = Object.freeze({ shape: Object.freeze([...shape]) });
    alive.set(tensor, content);
    return tensor;
  };
  return {
    run,
    born: (array) => handle(array.shape, { array: tf.keep(array) }),
    bornCache: (cache) => handle([cache.shape.capacity, cache.shape.width], { cache }),
    held,
    array(operation, name, tensor) {
      const { array } = held(operation, name, tensor);
      if (array !== undefined) return array;
      throw refused(operation, `${name} is a cache; caches are given as options`);
    },
    replace(tensor, array) {
      const content = alive.get(tensor);
      if (content?.array === undefined) return;
      const before = content.array;
      content.array = tf.keep(array);
      before.dispose();
    },
    dispose(tensors) {
      for (const tensor of tensors) {
        const content = alive.get(tensor);
        if (content !== undefined) free(content);
        alive.delete(tensor);
      }
    },
    memory() {
      let bytes = 0;
      for (const content of alive.values()) bytes += bytesOf(content);
      return { tensors: alive.size, bytes };
    },
    close() {
      closed = true;
      for (const content of alive.values()) free(content);
      alive.clear();
      for (const listener of [...listeners]) listener();
    },
    get closed() {
      return closed;
    },
    end(why) {
      failure ??= why;
      for (const listener of [...listeners]) listener();
    },
    get failure() {
      return failure;
    },
    whenOver(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** An error of tfjs, or of the device under it, as one of ours; ours gets the operation's name. */
export function ours(operation: string, error: unknown): EngramError {
  if (isEngramError(error)) {
    if (error.operation !== "tfjs") return error;
    const message = error.message.slice("tfjs: ".length);
    return new EngramError({ code: error.code, operation, message, context: error.context, cause: error.cause });
  }
  const text = error instanceof Error ? error.message : String(error);
  const full = /out of memory|memory access out of bounds|allocation failed|OOM/i.test(text);
  return new EngramError({
    code: full ? "out-of-memory" : "io",
    operation,
    message: full
      ? `the backend has no memory left (${text}); dispose of tensors, or give fewer tokens at once`
      : `tfjs failed: ${text}`,
    cause: error,
  });
}

/** Checks that values fill a shape. */
export function checkValues(operation: string, count: number, shape: readonly number[]): void {
  const whole = shape.every((side) => Number.isSafeInteger(side) && side >= 0);
  if (whole && count === elements(shape)) return;
  throw refused(operation, `${count} values for the shape [${shape.join(", ")}], which takes ${elements(shape)}`);
}
