// Core's operations over handles: what was given is checked, nodes take the place of handles, and what comes out gets
// handles of its own. One wrapper for all operations; what they compute is in operations/.

import type { BackendOperation, BackendOperations, OperationName, OperationOptions } from "@engram-ts/core";
import { checkGradients, checkOperation, checkOperationCaches } from "../operation-checks.js";
import type { GgmlNode } from "./nodes/node.js";
import { engramGate } from "./operations/engram-gate.js";
import { gqa } from "./operations/gqa.js";
import { hyperCoefficients } from "./operations/hyper-coefficients.js";
import { hyperCollapse } from "./operations/hyper-collapse.js";
import { hyperMerge } from "./operations/hyper-merge.js";
import { mla } from "./operations/mla.js";
import { moe } from "./operations/moe.js";
import type { EngineContext, Operand } from "./operations/operation.js";
import { shortConvolution } from "./operations/short-convolution.js";
import { add, collapseStreams, expandStreams, feedForward, linear, rmsNorm } from "./operations/simple.js";
import { crossEntropy, embed, logits } from "./operations/tokens.js";
import type { GgmlTensor, TensorFacts } from "./tensor.js";

const OPERATIONS = {
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

/** What the operations need of the backend that they belong to. */
export interface OperationHost {
  readonly engine: EngineContext;
  /**
   * The facts of a handle.
   * @throws EngramError `invalid-argument` for a handle that was disposed of, or is of another backend.
   */
  facts(operation: string, name: string, tensor: GgmlTensor): TensorFacts;
  /** A new handle. */
  born(node: GgmlNode, shape: readonly number[]): GgmlTensor;
  /** @throws EngramError `invalid-argument` once the backend is closed. */
  checkOpen(operation: string): void;
}

/** An operation seen without the types of its name. */
interface UntypedOperation {
  forward(
    inputs: Readonly<Record<string, Operand>>,
    options: object,
    engine: EngineContext,
  ): { readonly outputs: Readonly<Record<string, Operand>>; readonly saved?: readonly GgmlNode[] };
  backward(
    call: object,
    gradients: Readonly<Record<string, GgmlNode>>,
    wanted: ReadonlySet<string>,
    engine: EngineContext,
  ): Readonly<Record<string, GgmlNode>>;
}

/** Operations with caches: `caches` is an option of no other. */
type CachedName = "gqa" | "mla" | "shortConvolution";

type Handles = Readonly<Record<string, GgmlTensor | undefined>>;

/** All operations of a backend. */
export function engineOperations(host: OperationHost): BackendOperations<GgmlTensor> {
  const names = Object.keys(OPERATIONS) as OperationName[]; // the keys of its type
  return Object.fromEntries(
    names.map((name) => [name, handled(name, host)]),
  ) as unknown as BackendOperations<GgmlTensor>; // one operation a name, of its own types
}

function handled(name: OperationName, host: OperationHost): BackendOperation<GgmlTensor, OperationName> {
  const operation = OPERATIONS[name] as unknown as UntypedOperation; // it gets inputs and options of its own name
  const operandsOf = (tensors: Handles): Record<string, Operand> => {
    const operands: Record<string, Operand> = {};
    for (const [input, tensor] of Object.entries(tensors)) {
      if (tensor !== undefined) operands[input] = { node: host.facts(name, input, tensor).node, shape: tensor.shape };
    }
    return operands;
  };
  return {
    forward(inputs: Handles, options: object) {
      host.checkOpen(name);
      const operands = operandsOf(inputs);
      const shapes = shapesOf(operands);
      checkOperation(name, shapes, options);
      const caches = givenCaches(options);
      if (caches !== undefined) {
        const slots = caches.map((cache, index) => host.facts(name, `caches[${index}]`, cache).cache?.shape);
        checkOperationCaches(name as CachedName, shapes, options as OperationOptions<unknown, CachedName>, slots);
      }
      const { outputs, saved = [] } = operation.forward(operands, options, host.engine);
      const handles: Record<string, GgmlTensor | readonly GgmlTensor[]> = {};
      for (const [output, { node, shape }] of Object.entries(outputs)) handles[output] = host.born(node, shape);
      if (saved.length > 0) handles.saved = saved.map((node) => host.born(node, node.sides.toReversed()));
      return handles;
    },
    backward(
      call: { inputs: Handles; options: object; outputs: Handles & { saved?: readonly GgmlTensor[] } },
      given: Handles,
      wanted: ReadonlySet<string>,
    ) {
      host.checkOpen(name);
      const { saved = [], ...outputs } = call.outputs;
      const inputs = operandsOf(call.inputs);
      const gradients = operandsOf(given);
      const outputShapes = checkOperation(name, shapesOf(inputs), call.options);
      checkGradients(name, call.options, outputShapes, shapesOf(gradients));
      const nodes = Object.fromEntries(Object.entries(gradients).map(([output, { node }]) => [output, node]));
      const whole = {
        inputs,
        options: call.options,
        outputs: operandsOf(outputs as Handles), // single tensors without `saved`
        saved: saved.map((tensor) => host.facts(name, "saved", tensor).node),
      };
      const handles: Record<string, GgmlTensor> = {};
      for (const [input, node] of Object.entries(operation.backward(whole, nodes, wanted, host.engine))) {
        if (wanted.has(input)) handles[input] = host.born(node, inputs[input]?.shape ?? []);
      }
      return handles;
    },
  } as unknown as BackendOperation<GgmlTensor, OperationName>; // the same for all names
}

function shapesOf(operands: Readonly<Record<string, Operand>>): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(operands).map(([name, { shape }]) => [name, shape]));
}

function givenCaches(options: object): readonly GgmlTensor[] | undefined {
  return (options as { caches?: readonly GgmlTensor[] }).caches; // an option of some operations
}
