// ggml with weights in narrower types, and caches in f16: forward only, within what each type is worth.

import { openGgml } from "../src/ggml/index.js";
import { describeEngine } from "./engine-suite/describe-engine.js";

for (const weights of ["f16", "bf16", "q8_0", "q5_0", "q4_0"] as const) {
  const open = () => openGgml({ device: "CPU", threads: 1, weights, cache: "f16" });
  describeEngine(`ggml CPU, ${weights} weights`, open, { tolerance: weights, directions: "forward", effort: "quick" });
}
