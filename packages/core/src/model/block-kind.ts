// What a kind of attention or feed-forward is: how its fields are read, which parameters it has, what looking back costs.
// The operation that runs a kind belongs to the forward, which finds it by the kind's name. Which kinds there are is in
// block-kinds.ts.

import type { AttentionSpec, FeedForwardSpec, ModelSpec } from "./model-spec.js";
import type { ParameterShape } from "./parameters-shape.js";
import type { SpecFields } from "./spec-fields.js";

/** The two places of a block that a kind can fill; both are behind a norm and inside the residual. */
export type BlockSlot = "attention" | "feedForward";

/** The sizes of a model that its blocks depend on. */
export type ModelShape = Pick<ModelSpec, "vocabSize" | "width" | "contextTokens" | "normEpsilon" | "streams">;

/** What looking back costs, beyond the weights. */
export interface ContextCost {
  /** Operations of one token for each earlier token, when many tokens run together. */
  readonly prefillFlops: number;
  /** The same when one token runs; other where the cached form is used as it is. */
  readonly decodeFlops: number;
  /** Values kept of each token for later ones. */
  readonly stateValues: number;
}

/** A kind of attention or feed-forward. `Spec` is its part of a {@link ModelSpec}. */
export interface BlockKind<Spec extends AttentionSpec | FeedForwardSpec = AttentionSpec | FeedForwardSpec> {
  readonly slot: BlockSlot;
  /** Kinds of users have a slash: `acme/retention`. */
  readonly kind: Spec["kind"];
  /**
   * Reads its fields, all but `kind`, and returns the part with every default filled in. Fields that it does not ask
   * for are refused afterwards.
   */
  parse(fields: SpecFields, model: ModelShape): Spec;
  /** Its parameters, named within the block's part: `output.weight`. */
  parameters(spec: Spec, model: ModelShape): readonly ParameterShape[];
  /** Left out: nothing grows with the context. */
  contextCost?(spec: Spec, model: ModelShape): ContextCost;
}
