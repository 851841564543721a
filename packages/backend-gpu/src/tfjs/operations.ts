// All operations, by name, guarded: what a backend's `operations` is.

import type { BackendOperation, BackendOperations, OperationName } from "@engram-ts/core";
import { guardedOperation } from "./guarded-operation.js";
import { add } from "./operations/add.js";
import { collapseStreams } from "./operations/collapse-streams.js";
import { crossEntropy } from "./operations/cross-entropy.js";
import { embed } from "./operations/embed.js";
import { engramGate } from "./operations/engram-gate.js";
import { expandStreams } from "./operations/expand-streams.js";
import { feedForward } from "./operations/feed-forward.js";
import { gqa } from "./operations/gqa.js";
import { hyperCoefficients } from "./operations/hyper-coefficients.js";
import { hyperCollapse } from "./operations/hyper-collapse.js";
import { hyperMerge } from "./operations/hyper-merge.js";
import { linear } from "./operations/linear.js";
import { logits } from "./operations/logits.js";
import { mla } from "./operations/mla.js";
import { moe } from "./operations/moe.js";
import { rmsNorm } from "./operations/rms-norm.js";
import { shortConvolution } from "./operations/short-convolution.js";
import type { TensorBook } from "./tensor-book.js";
import type { TensorOperation } from "./tensor-operation.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";
import type { TfjsTensor } from "./tfjs-tensor.js";

const OPERATIONS: { readonly [N in OperationName]: TensorOperation<N> } = {
  embed,
  add,
  linear,
  rmsNorm,
  feedForward,
  gqa,
  mla,
  moe,
  engramGate,
  shortConvolution,
  expandStreams,
  collapseStreams,
  hyperCoefficients,
  hyperCollapse,
  hyperMerge,
  logits,
  crossEntropy,
};

/** The operations of a backend. */
export function guardedOperations(runtime: TfjsRuntime, book: TensorBook): BackendOperations<TfjsTensor> {
  const guarded = <N extends OperationName>(name: N): BackendOperation<TfjsTensor, N> =>
    guardedOperation(name, OPERATIONS[name], runtime, book);
  return {
    embed: guarded("embed"),
    add: guarded("add"),
    linear: guarded("linear"),
    rmsNorm: guarded("rmsNorm"),
    feedForward: guarded("feedForward"),
    gqa: guarded("gqa"),
    mla: guarded("mla"),
    moe: guarded("moe"),
    engramGate: guarded("engramGate"),
    shortConvolution: guarded("shortConvolution"),
    expandStreams: guarded("expandStreams"),
    collapseStreams: guarded("collapseStreams"),
    hyperCoefficients: guarded("hyperCoefficients"),
    hyperCollapse: guarded("hyperCollapse"),
    hyperMerge: guarded("hyperMerge"),
    logits: guarded("logits"),
    crossEntropy: guarded("crossEntropy"),
  };
}
