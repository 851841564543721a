// Reads the engram module of a block, with the defaults of the published modules.

import type { ConvolutionSpec, EngramSpec, MemorySpec } from "./model-spec.js";
import type { SpecFields } from "./spec-fields.js";
import { EPSILON_RANGE, MODEL_LIMITS } from "./spec-limits.js";

/** float32's machine epsilon: what PyTorch's RMSNorm of the demo takes. */
const FLOAT32_EPSILON = 2 ** -23;

/** The module of a block; its dilation defaults to the highest n-gram order of `memory`. */
export function parseEngram(fields: SpecFields, memory: MemorySpec | undefined): EngramSpec {
  const kind = fields.choice("kind", ["engram", "deepseek-v4.1", "qwen-ple"], undefined);
  const epsilon = (fallback: number) =>
    fields.real("normEpsilon", { ...EPSILON_RANGE, fallback }, "the epsilon of the key and query norms");
  const maxOrder = (memory?.addressing.tableSizes.length ?? 0) + 1;
  const spec = ((): EngramSpec => {
    switch (kind) {
      case "engram":
        return {
          kind,
          bias: fields.flag("bias", true, "whether the projections have a bias"),
          normEpsilon: epsilon(FLOAT32_EPSILON),
          convolution: fields.value("convolution") === null ? null : parseConvolution(fields, maxOrder, 1e-5),
        };
      case "deepseek-v4.1":
        return { kind, normEpsilon: epsilon(1e-20) };
      case "qwen-ple":
        return { kind, normEpsilon: epsilon(1e-6), convolution: parseConvolution(fields, maxOrder, 1e-6) };
    }
  })();
  fields.end();
  return spec;
}

function parseConvolution(module: SpecFields, dilation: number, epsilon: number): ConvolutionSpec {
  const fields = module.object("convolution");
  if (fields === undefined) return { kernel: 4, dilation, normEpsilon: epsilon };
  const convolution = {
    kernel: fields.whole("kernel", { least: 1, most: MODEL_LIMITS.kernel, fallback: 4 }, "the taps"),
    dilation: fields.whole(
      "dilation",
      { least: 1, most: MODEL_LIMITS.dilation, fallback: dilation },
      "the tokens between two taps",
    ),
    normEpsilon: fields.real("normEpsilon", { ...EPSILON_RANGE, fallback: epsilon }, "the epsilon of its norm"),
  };
  fields.end();
  return convolution;
}
