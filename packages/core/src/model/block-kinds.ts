// Which kinds of attention and feed-forward there are: those that come with the package (mla, gqa, dense, moe), which are
// made like those that users bring and pass in `kinds`; there is no registry. What a kind is: block-kind.ts.

import { EngramError } from "../errors.js";
import type { BlockKind, BlockSlot } from "./block-kind.js";
import { denseKind } from "./block-kinds-dense.js";
import { gqaKind } from "./block-kinds-gqa.js";
import { mlaKind } from "./block-kinds-mla.js";
import { moeKind } from "./block-kinds-moe.js";
import type { AttentionSpec, FeedForwardSpec } from "./model-spec.js";

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
