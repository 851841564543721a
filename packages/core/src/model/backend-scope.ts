// Keeps track of what operations give, so that it can be freed all at once. A scope belongs to one run: several may be
// open on one backend, side by side, and none knows of the others. Not here: gradients (tape.ts).

import type { Backend } from "./backend.js";
import type { OperationCalls, OperationName } from "./backend-operations.js";

/** Tensors of one run. */
export interface Scope<T> {
  /** The backend's operations; what they give belongs to this scope. */
  readonly calls: OperationCalls<T>;
  /** Gives a tensor to this scope, to be freed with it. Returns it. */
  own(tensor: T): T;
  /** Takes a tensor out of this scope: it is its caller's from now on. Returns it. */
  release(tensor: T): T;
  /** Frees all that belongs to this scope, but for these. */
  freeAllBut(needed: Iterable<T>): void;
  /** Frees all that belongs to this scope. Closing twice does nothing. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Opens a scope.
 * @example
 * using scope = openScope(backend);
 * const { y } = scope.calls.add({ a, b }, {}); // freed at the end of the block
 */
export function openScope<T>(backend: Backend<T>): Scope<T> {
  const owned = new Set<T>();
  const close = (): void => {
    backend.dispose(owned);
    owned.clear();
  };
  return {
    calls: callsOf(backend, (_, __, ___, outputs) => {
      for (const tensor of outputTensors(outputs)) owned.add(tensor);
    }),
    own(tensor) {
      owned.add(tensor);
      return tensor;
    },
    release(tensor) {
      owned.delete(tensor);
      return tensor;
    },
    freeAllBut(needed) {
      const kept = new Set(needed);
      const freed = [...owned].filter((tensor) => !kept.has(tensor));
      backend.dispose(freed);
      for (const tensor of freed) owned.delete(tensor);
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** A call as something that watches calls sees it. */
export type CallWatcher<T> = (
  name: OperationName,
  inputs: Readonly<Record<string, T | undefined>>,
  options: object,
  outputs: Readonly<Record<string, T | readonly T[] | undefined>>,
) => void;

/** The operations of a backend as functions, each call of which is reported. */
export function callsOf<T>(backend: Backend<T>, watch: CallWatcher<T>): OperationCalls<T> {
  const calls: Record<string, unknown> = {};
  for (const name of Object.keys(backend.operations) as OperationName[]) {
    // the keys of its type
    const operation = backend.operations[name] as unknown as UntypedOperation<T>; // its own inputs and options reach it
    calls[name] = (inputs: Readonly<Record<string, T | undefined>>, options: object) => {
      const outputs = operation.forward(inputs, options);
      watch(name, inputs, options, outputs);
      return outputs;
    };
  }
  return calls as OperationCalls<T>; // one function for each name, of its operation's types
}

/** An operation seen without the types of its name. */
interface UntypedOperation<T> {
  forward(
    inputs: Readonly<Record<string, T | undefined>>,
    options: object,
  ): Readonly<Record<string, T | readonly T[] | undefined>>;
}

/** The tensors that a call gave, those saved for its backward twin too. */
export function outputTensors<T>(outputs: Readonly<Record<string, T | readonly T[] | undefined>>): T[] {
  const { saved, ...named } = outputs;
  const tensors = Object.values(named) as T[]; // all but `saved` are single tensors
  return Array.isArray(saved) ? [...tensors, ...saved] : tensors;
}
