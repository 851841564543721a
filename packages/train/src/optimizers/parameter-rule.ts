// Which optimizer a parameter takes: Muon for the matrices that tokens pass through, AdamW for all else that gradients
// train. Muon is about maps from one space to another; an embedding's rows, a head's, a norm or a router's rows are not.

import { type ParameterShape, uploadUse } from "@engram-ts/core";
import type { TrainingConfig } from "../trainer/training-config.js";

/** How a parameter is trained; `undefined` stands for not by gradients on the backend. */
export type ParameterRule = { readonly kind: "muon" } | { readonly kind: "adamw"; readonly weightDecay: number };

/** The rule for a parameter. Rows of tables and the biases of balancing have none. */
export function parameterRule(
  parameter: ParameterShape,
  { matrices, adamW }: Pick<TrainingConfig, "matrices" | "adamW">,
): ParameterRule | undefined {
  const { shape, component, untrained } = parameter;
  if (untrained || component === "engram tables") return undefined;
  const inside = component !== "embedding" && component !== "head";
  const sides = shape.length === 2 || shape.length === 3;
  if (matrices === "muon" && inside && sides && uploadUse(parameter) === "matrix") return { kind: "muon" };
  return { kind: "adamw", weightDecay: shape.length >= 2 ? adamW.weightDecay : 0 };
}
