// Gradients: a tape records the operations that a forward calls and replays their backward twins in reverse. It knows no
// operation but `add`, which sums the gradients of a tensor that is used twice, and `embed`, whose output is a leaf: the
// gradients of token embeddings, as those of rows, come back as rows. Not here: what to do with gradients.

import type { Backend } from "./backend.js";
import type { OperationCalls, OperationName } from "./backend-operations.js";
import { callsOf, outputTensors } from "./backend-scope.js";

/** Records one forward. */
export interface Tape<T> {
  /** The backend's operations, recorded. */
  readonly calls: OperationCalls<T>;
  /** Names leaves: tensors whose gradients are wanted. To be called before they are used. */
  watch(tensors: Iterable<T>): void;
  /**
   * The gradients of a scalar with respect to all watched tensors and all embedded tokens. Once a tape.
   * @param loss a tensor `[1]` that a recorded call gave.
   * @param scale factor on all gradients: the part that this loss is of a larger batch's. Default 1.
   */
  backward(loss: T, scale?: number): Gradients<T>;
  /** Takes a tensor out of this tape: it is its caller's from now on, and outlives `close`. Returns it. */
  release(tensor: T): T;
  /** Frees what the recorded calls gave; gradients stay. Closing twice does nothing. */
  close(): void;
  [Symbol.dispose](): void;
}

/** What a tape gives. */
export interface Gradients<T> {
  /** The gradient of a watched tensor, in its shape; undefined where the loss does not depend on it. */
  of(tensor: T): T | undefined;
  /** One a call of `embed`. A table that is the head, too, has another gradient, dense, under {@link of}. */
  readonly embedded: readonly EmbeddedGradient<T>[];
  /** Frees them all. */
  dispose(): void;
}

/** The gradient of embedded tokens, row by row; a token that occurs twice has two rows, to be summed. */
export interface EmbeddedGradient<T> {
  readonly table: T;
  readonly ids: Uint32Array;
  /** `[N, idsPerToken * d]`, in the order of the ids. */
  readonly rows: T;
}

interface RecordedCall<T> {
  readonly name: OperationName;
  readonly inputs: Readonly<Record<string, T | undefined>>;
  readonly options: object;
  readonly outputs: Readonly<Record<string, T | readonly T[] | undefined>>;
  /** Names of the inputs that lead to a leaf. */
  readonly wanted: ReadonlySet<string>;
}

/**
 * A tape on a backend.
 * @example
 * const tape = openTape(backend);
 * tape.watch([weight]);
 * const { y } = tape.calls.linear({ x, weight }, {});
 * const { loss } = tape.calls.crossEntropy({ logits: y }, { targets });
 * const gradients = tape.backward(loss);
 * gradients.of(weight); // [outputs, inputs]
 * tape.close();
 */
export function openTape<T>(backend: Backend<T>): Tape<T> {
  const recorded: RecordedCall<T>[] = [];
  const embeddings: { table: T; ids: Uint32Array; y: T }[] = [];
  const made = new Set<T>();
  const leaves = new Set<T>();
  const reached = new Set<T>(); // leaves, and whatever was computed from them

  const calls = callsOf(backend, (name, inputs, options, outputs) => {
    const tensors = outputTensors(outputs);
    for (const tensor of tensors) made.add(tensor);
    if (name === "embed") {
      const { table } = inputs;
      const [y] = tensors;
      if (table === undefined || y === undefined || !("ids" in options)) return;
      embeddings.push({ table, ids: options.ids as Uint32Array, y }); // the option of embed
      leaves.add(y);
      reached.add(y);
      return;
    }
    const wanted = new Set<string>();
    for (const [input, tensor] of Object.entries(inputs)) {
      if (tensor !== undefined && reached.has(tensor)) wanted.add(input);
    }
    if (wanted.size === 0) return;
    recorded.push({ name, inputs, options, outputs, wanted });
    for (const tensor of tensors) reached.add(tensor);
  });

  const close = (): void => {
    backend.dispose(made);
    made.clear();
    recorded.length = 0;
  };
  return {
    calls,
    watch(tensors) {
      for (const tensor of tensors) {
        leaves.add(tensor);
        reached.add(tensor);
      }
    },
    backward(loss, scale = 1) {
      const gradients = new Map<T, T>([[loss, backend.upload(Float32Array.of(scale), [1])]]);
      for (const call of recorded.toReversed()) replay(backend, call, gradients, leaves);
      recorded.length = 0;
      return leafGradients(backend, gradients, leaves, embeddings);
    },
    release(tensor) {
      made.delete(tensor);
      return tensor;
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** An operation's backward twin seen without the types of its name. */
interface UntypedTwin<T> {
  backward(
    call: RecordedCall<T>,
    gradients: Readonly<Record<string, T>>,
    wanted: ReadonlySet<string>,
  ): Readonly<Record<string, T>>;
}

/** Takes the gradients of a call's outputs, which are complete by now, and adds those of its inputs. */
function replay<T>(backend: Backend<T>, call: RecordedCall<T>, gradients: Map<T, T>, leaves: ReadonlySet<T>): void {
  const own: Record<string, T> = {};
  for (const [name, tensor] of Object.entries(call.outputs)) {
    if (name === "saved") continue;
    const gradient = gradients.get(tensor as T); // all but `saved` are single tensors
    if (gradient !== undefined) own[name] = gradient;
  }
  if (Object.keys(own).length === 0) return; // the loss does not depend on it
  const operation = backend.operations[call.name] as unknown as UntypedTwin<T>; // it gets its own call back
  for (const [input, gradient] of Object.entries(operation.backward(call, own, call.wanted))) {
    const tensor = call.inputs[input];
    if (tensor === undefined) continue;
    const before = gradients.get(tensor);
    gradients.set(tensor, before === undefined ? gradient : sum(backend, before, gradient));
  }
  for (const tensor of outputTensors(call.outputs)) {
    const gradient = gradients.get(tensor);
    if (gradient === undefined || leaves.has(tensor)) continue;
    backend.dispose([gradient]);
    gradients.delete(tensor);
  }
}

function sum<T>(backend: Backend<T>, a: T, b: T): T {
  const { y } = backend.operations.add.forward({ a, b }, {});
  backend.dispose([a, b]);
  return y;
}

function leafGradients<T>(
  backend: Backend<T>,
  gradients: Map<T, T>,
  leaves: ReadonlySet<T>,
  embeddings: readonly { table: T; ids: Uint32Array; y: T }[],
): Gradients<T> {
  for (const [tensor, gradient] of gradients) {
    if (leaves.has(tensor)) continue;
    backend.dispose([gradient]);
    gradients.delete(tensor);
  }
  return {
    of: (tensor) => gradients.get(tensor),
    embedded: embeddings.flatMap(({ table, ids, y }) => {
      const rows = gradients.get(y);
      return rows === undefined ? [] : [{ table, ids, rows }];
    }),
    dispose: () => backend.dispose(gradients.values()),
  };
}
