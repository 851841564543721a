// The parameters of engram modules and of hyper-connections, which sit around a block's kinds and are no kinds
// themselves. Letters: d width, n streams, m memory width (rows per token times row width).

import type { EngramSpec, StreamsSpec } from "./model-spec.js";
import type { ParameterShape } from "./parameters-shape.js";

/** Sizes that an engram module depends on. */
export interface EngramShape {
  /** d. */
  readonly width: number;
  /** n. */
  readonly streams: number;
  /** m. */
  readonly memoryWidth: number;
}

/** An engram module without its table, named within the module. */
export function engramParameters(spec: EngramSpec, { width, streams, memoryWidth }: EngramShape): ParameterShape[] {
  const component = "engram modules";
  // the norms of qwen-ple scale by 1 + weight
  const initial = spec.kind === "qwen-ple" ? "zeros" : "ones";
  const channels = streams * width; // stream 0, 1, ...
  const norm = (name: string): ParameterShape => ({ name: `${name}.weight`, shape: [channels], component, initial });
  const map = (name: string, outputs: number): ParameterShape[] => [
    { name: `${name}.weight`, shape: [outputs, memoryWidth], component, initial: "normal" },
    ...(spec.kind === "engram" && spec.bias
      ? [{ name: `${name}.bias`, shape: [outputs], component, initial: "zeros" } as const]
      : []),
  ];
  const parameters = [...map("key", channels), ...map("value", width), norm("keyNorm"), norm("queryNorm")];
  if (spec.kind !== "deepseek-v4.1" && spec.convolution !== null) {
    parameters.push(norm("convolutionNorm"), {
      name: "convolution.weight", // the last tap is the current token's; zeros, as in the paper
      shape: [channels, spec.convolution.kernel],
      component,
      initial: "zeros",
    });
  }
  return parameters;
}

/** The coefficients of hyper-connections around one sub-layer: H_pre, H_post, H_res by rows; none for a plain residual. */
export function streamsParameters({ kind, count: n }: StreamsSpec, width: number): ParameterShape[] {
  if (kind === "residual") return [];
  const outputs = (2 + n) * n;
  return [
    { name: "projection.weight", shape: [outputs, n * width], component: "streams", initial: "normal" },
    { name: "projection.bias", shape: [outputs], component: "streams", initial: "zeros" },
    { name: "scale", shape: [3], component: "streams", initial: "ones" }, // of pre, post, res
  ];
}
