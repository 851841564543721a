// The dense feed-forward: fields and parameters. Its meaning is at DenseSpec.

import type { BlockKind } from "./block-kind.js";
import type { DenseSpec } from "./model-spec.js";
import { MODEL_LIMITS } from "./spec-limits.js";

/** `dense`. */
export const denseKind: BlockKind<DenseSpec> = {
  slot: "feedForward",
  kind: "dense",
  parse: (fields) => ({
    kind: "dense",
    hiddenWidth: fields.whole("hiddenWidth", { least: 1, most: MODEL_LIMITS.hiddenWidth }, "the hidden values"),
  }),
  parameters({ hiddenWidth }, { width }) {
    const weight = (name: string, ...shape: number[]) =>
      ({ name: `${name}.weight`, shape, component: "dense feed-forward", initial: "normal" }) as const;
    return [weight("gate", hiddenWidth, width), weight("up", hiddenWidth, width), weight("down", width, hiddenWidth)];
  },
};
