// What an operation of this engine is: nodes in, nodes out, forward and backward. Checks of what the caller gave are made
// before (../../operation-checks.ts), handles are made after (../engine-operations.ts). Sides here are in core's order.

import type { OperationName, OperationOptions, OperationTable } from "@engram-ts/core";
import type { GgmlNode } from "../nodes/node.js";
import type { GgmlTensor } from "../tensor.js";

/** A node with the sides that core knows it by. */
export interface Operand {
  readonly node: GgmlNode;
  readonly shape: readonly number[];
}

/** Inputs by name. */
export type Operands<N extends OperationName> = {
  readonly [name in OperationTable<GgmlTensor>[N]["inputs"]]: Operand;
} & { readonly [name in OperationTable<GgmlTensor>[N]["optional"]]?: Operand };

/** What comes out. */
export type Results<N extends OperationName> = { readonly [name in OperationTable<GgmlTensor>[N]["outputs"]]: Operand };

/** What operations need of the engine. */
export interface EngineContext {
  /** A leaf with a few numbers that are the same in all runs, kept on the device: rotary periods, ones. */
  constant(values: Float32Array): GgmlNode;
  /** The node of this name that `make` makes of a weight alone: computed once, and kept until the weight changes. */
  derived(weight: GgmlNode, name: string, make: () => GgmlNode): GgmlNode;
  /** Has a node that writes in place run in its turn, though no handle shows it. */
  effect(node: GgmlNode): void;
  /** True where products may round their factors to half precision: then attention reads keys and values so. */
  readonly halves: boolean;
  /** True for a device whose results the host may look at between two operations at little cost. */
  readonly hostSeesResults: boolean;
  /** True where the package's own kernels run: nodes of `expertGradients` are there. */
  readonly kernels: boolean;
}

/** A forward call, as its backward twin gets it. */
export interface NodeCall<N extends OperationName> {
  readonly inputs: Operands<N>;
  readonly options: OperationOptions<GgmlTensor, N>;
  readonly outputs: Results<N>;
  readonly saved: readonly GgmlNode[];
}

/** An operation. */
export interface GgmlOperation<N extends OperationName> {
  forward(
    inputs: Operands<N>,
    options: OperationOptions<GgmlTensor, N>,
    engine: EngineContext,
  ): { readonly outputs: Results<N>; readonly saved?: readonly GgmlNode[] };
  /** Gradients of the wanted inputs, in the inputs' sides; others may be left out. */
  backward(
    call: NodeCall<N>,
    gradients: { readonly [name in OperationTable<GgmlTensor>[N]["outputs"]]?: GgmlNode },
    wanted: ReadonlySet<string>,
    engine: EngineContext,
  ): Readonly<Record<string, GgmlNode>>;
}
