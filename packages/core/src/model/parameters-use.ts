// What an engine is told of a parameter when it is uploaded: whether it may be kept in a narrower type. Not here: the
// types, which engines choose, and those of checkpoints.

import type { UploadUse } from "./backend.js";
import type { ParameterShape } from "./parameters-shape.js";

/** What an error of a narrow type would be amplified in: choices of experts, exponents of Sinkhorn. */
const KEPT_WIDE: ReadonlySet<ParameterShape["component"]> = new Set(["router", "streams", "norms"]);

/**
 * How a parameter is uploaded: `matrix` where it has two sides or more and is only multiplied with or looked up,
 * `parameter` else: vectors, routers, coefficients of streams, and the convolutions of engram modules.
 */
export function uploadUse({ name, shape, component }: ParameterShape): UploadUse {
  if (shape.length < 2 || KEPT_WIDE.has(component)) return "parameter";
  return component === "engram modules" && name.endsWith("convolution.weight") ? "parameter" : "matrix";
}
