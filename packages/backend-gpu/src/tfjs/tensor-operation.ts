// An operation as it is written here: on tensors of tfjs, without books. guarded-operation.ts makes one of the backend's
// interface out of it: checks handles, owns what comes out, frees what was made for a while. Types only.

import type { OperationInputs, OperationName, OperationOptions, OperationOutputs } from "@engram-ts/core";
import type { SequenceCache } from "./sequence-cache.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** Tensors that go in. */
export type ArrayInputs<N extends OperationName> = OperationInputs<TfjsArray, N>;
/** Tensors that come out. */
export type ArrayOutputs<N extends OperationName> = OperationOutputs<TfjsArray, N>;
/** Options, with the content of caches in the place of handles. */
export type ArrayOptions<N extends OperationName> = OperationOptions<SequenceCache, N>;

/** A forward call, as its backward twin gets it. */
export interface ArrayCall<N extends OperationName> {
  readonly inputs: ArrayInputs<N>;
  readonly options: ArrayOptions<N>;
  readonly outputs: ArrayOutputs<N>;
}

/** One operation, on what was checked and has tokens. What it makes and does not return is freed after it. */
export interface TensorOperation<N extends OperationName> {
  forward(runtime: TfjsRuntime, inputs: ArrayInputs<N>, options: ArrayOptions<N>): ArrayOutputs<N>;
  /** May leave out what is not in `wanted`, to save its work. */
  backward(
    runtime: TfjsRuntime,
    call: ArrayCall<N>,
    gradients: Partial<ArrayOutputs<N>>,
    wanted: ReadonlySet<string>,
  ): Partial<ArrayInputs<N>>;
}
