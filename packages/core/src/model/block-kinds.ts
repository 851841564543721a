// What a kind of attention or feed-forward is: how its fields are read, which parameters it has, what looking back costs.
// The kinds that come with the package (mla, gqa, dense, moe) are made like those that users bring and pass in `kinds`;
// there is no registry. The operation that runs a kind belongs to the forward, which finds it by the kind's name.

import { EngramError } from "../errors.js";
import { denseKind } from "./block-kinds-dense.js";
import { gqaKind } from "./block-kinds-gqa.js";
import { mlaKind } from "./block-kinds-mla.js";
import { moeKind } from "./block-kinds-moe.js";
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

/** The kinds that come with the package. */
export const BLOCK_KINDS: readonly BlockKind[] = [mlaKind, gqaKind, denseKind, moeKind];

/** What functions over a specification take where it has kinds of the user's own. */
export interface BlockKindOptions {
  /** Kinds besides those of the package. */
  readonly kinds?: readonly BlockKind[];
}

/**
 * All kinds that may fill a slot, the package's first.
 * @throws EngramError `invalid-argument` where two have one name, or a user's has no slash in it.
 */
export function slotKinds(slot: BlockSlot, options: BlockKindOptions): readonly BlockKind[] {
  const own = options.kinds ?? [];
  own.forEach(({ kind }, i) => {
    if (!/^[^/\s]+\/[^\s]+$/.test(kind)) {
      throw invalidKind(
        `kinds[${i}] is named ${JSON.stringify(kind)}; use a name of yours and a slash: acme/retention`,
      );
    }
    const first = own.findIndex((one) => one.kind === kind && one.slot === own[i]?.slot);
    if (first < i) throw invalidKind(`kinds[${first}] and kinds[${i}] are both named ${kind}; rename one of them`);
  });
  return [...BLOCK_KINDS, ...own].filter((one) => one.slot === slot);
}

/**
 * The kind of a part of a specification.
 * @throws EngramError `invalid-argument` where `options.kinds` lacks it.
 */
export function kindOf(slot: BlockSlot, spec: AttentionSpec | FeedForwardSpec, options: BlockKindOptions): BlockKind {
  const found = slotKinds(slot, options).find((one) => one.kind === spec.kind);
  if (found !== undefined) return found;
  throw invalidKind(`there is no kind ${JSON.stringify(spec.kind)} of ${slot}; pass it in the option kinds`);
}

function invalidKind(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "kinds", message });
}
