// Makes an operation of the backend's interface of one that is written on tensors of tfjs: checks handles, shapes and
// options before anything runs, owns what comes out, changes caches after all of a call succeeded. Calls without tokens
// end here: their outputs are empty, and tfjs's kernels are not all made for that.

import type { BackendOperation, OperationInputs, OperationName, OperationOptions } from "@engram-ts/core";
import { refused } from "../operation-checks/checked-inputs.js";
import { checkGradients, checkOperation, checkOperationCaches, type OutputShapes } from "../operation-checks.js";
import { checkCachedTokens, type SequenceCache } from "./sequence-cache.js";
import type { TensorBook } from "./tensor-book.js";
import type { ArrayCall, ArrayInputs, ArrayOptions, ArrayOutputs, TensorOperation } from "./tensor-operation.js";
import { elements } from "./tensor-shape.js";
import type { TfjsArray, TfjsLibrary } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";
import type { TfjsTensor } from "./tfjs-tensor.js";

type Named<T> = Readonly<Record<string, T | undefined>>;

/** The operation `name`, guarded. */
export function guardedOperation<N extends OperationName>(
  name: N,
  operation: TensorOperation<N>,
  runtime: TfjsRuntime,
  book: TensorBook,
): BackendOperation<TfjsTensor, N> {
  const { tf } = runtime;
  const arrays = (tensors: Named<TfjsTensor>, prefix = ""): Record<string, TfjsArray> => {
    const found: Record<string, TfjsArray> = {};
    for (const [key, tensor] of Object.entries(tensors)) {
      if (tensor !== undefined) found[key] = book.array(name, `${prefix}${key}`, tensor);
    }
    return found;
  };
  return {
    forward(inputs, options) {
      return book.run(name, () => {
        const given = arrays(inputs);
        const shapes = checkOperation(name, shapesOf(given), options as OperationOptions<unknown, N>);
        const { caches, ...rest } = withCaches(name, given, options, book);
        let outputs: Readonly<Record<string, TfjsArray>>;
        if (isEmpty(shapes)) {
          outputs = Object.fromEntries(Object.entries(shapes).map(([key, shape]) => [key, tf.zeros(shape)]));
        } else {
          try {
            outputs = operation.forward(runtime, given as ArrayInputs<N>, rest.options); // by name, as they were checked
            commit(tf, caches);
          } finally {
            for (const cache of caches) cache.next = undefined;
          }
        }
        return owned(tf, book, outputs, given) as ReturnType<BackendOperation<TfjsTensor, N>["forward"]>; // by name
      });
    },

    backward({ inputs, options, outputs }, gradients, wanted) {
      return book.run(name, () => {
        const { saved: _, ...named } = outputs as unknown as Named<TfjsTensor>; // by name
        const given = arrays(inputs);
        const out = arrays(named, "output ");
        const up = arrays(gradients as Named<TfjsTensor>, "gradient of ");
        const shapes = checkOperation(name, shapesOf(given), options as OperationOptions<unknown, N>);
        checkGradients(name, options, shapes, shapesOf(up));
        const call = { inputs: given, options, outputs: out } as unknown as ArrayCall<N>; // by name; no caches, as checked
        let found: Readonly<Record<string, TfjsArray>> = {};
        if (isEmpty(shapes)) {
          const asked = Object.entries(given).filter(([key]) => !CONSTANTS.has(key) && name !== "embed");
          found = Object.fromEntries(asked.map(([key, { shape }]) => [key, tf.zeros(shape)]));
        } else if (Object.keys(up).length > 0) {
          found = operation.backward(runtime, call, up as Partial<ArrayOutputs<N>>, wanted) as typeof found;
        }
        const kept = Object.fromEntries(Object.entries(found).filter(([key]) => wanted.has(key)));
        return owned(tf, book, kept, { ...given, ...out, ...up }) as Partial<OperationInputs<TfjsTensor, N>>; // by name
      });
    },
  };
}

/** Inputs without a gradient. */
const CONSTANTS: ReadonlySet<string> = new Set(["routerBias"]);

function shapesOf(given: Readonly<Record<string, TfjsArray>>): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(given).map(([key, { shape }]) => [key, shape]));
}

/** Whether a call has no tokens: some output is empty. */
function isEmpty(shapes: OutputShapes): boolean {
  return Object.values(shapes).some((shape) => elements(shape) === 0);
}

/** Options with the content of their caches, which are checked. */
function withCaches<N extends OperationName>(
  name: N,
  given: Readonly<Record<string, TfjsArray>>,
  options: OperationOptions<TfjsTensor, N>,
  book: TensorBook,
): { caches: readonly SequenceCache[]; options: ArrayOptions<N> } {
  const handles = "caches" in options ? (options.caches as readonly TfjsTensor[] | undefined) : undefined;
  if (handles === undefined || !(name === "gqa" || name === "mla" || name === "shortConvolution")) {
    return { caches: [], options: options as ArrayOptions<N> }; // the same without handles
  }
  const caches: SequenceCache[] = [];
  const shapes = handles.map((handle, s) => {
    const { cache } = book.held(name, `caches[${s}]`, handle);
    if (cache !== undefined) caches.push(cache);
    return cache?.shape;
  });
  const sequenced = options as OperationOptions<unknown, "shortConvolution">; // one of the three
  checkOperationCaches(name, shapesOf(given), sequenced, shapes);
  const taps = given.weight?.shape[1] ?? 1;
  const lookback = name === "shortConvolution" ? (taps - 1) * sequenced.dilation : undefined;
  checkCachedTokens(name, caches, sequenced.sequences, lookback);
  return { caches, options: { ...options, caches } as unknown as ArrayOptions<N> };
}

/** Caches get what the call made of them. */
function commit(tf: TfjsLibrary, caches: readonly SequenceCache[]): void {
  for (const cache of caches) {
    if (cache.next === undefined) continue;
    for (const part of cache.next.parts) tf.keep(part);
    for (const part of cache.tokens.parts) part.dispose();
    cache.tokens = cache.next;
  }
}

/** Handles of outputs, each with values of its own: what went in, or comes out twice, is copied (which shares its data). */
function owned(
  tf: TfjsLibrary,
  book: TensorBook,
  outputs: Readonly<Record<string, TfjsArray | undefined>>,
  given: Readonly<Record<string, TfjsArray>>,
): Record<string, TfjsTensor> {
  const taken = new Set(Object.values(given));
  const handles: Record<string, TfjsTensor> = {};
  for (const [key, array] of Object.entries(outputs)) {
    if (array === undefined) continue;
    handles[key] = book.born(taken.has(array) ? tf.clone(array) : array);
    taken.add(array);
  }
  return handles;
}

/** The error about a handle that is no cache. */
export function noCache(operation: string): Error {
  return refused(operation, "it is a tensor; use what createCache gave");
}
