// The command line of the comparison on a GPU.

import { parseArgs } from "node:util";
import type { GpuOptions } from "./gpu-comparison.js";

/** Reads it; `parts` are the default. */
export function gpuOptions(parts: string): GpuOptions {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: process.env.OUT ?? "." },
      device: { type: "string" },
      parts: { type: "string", default: parts },
      tiny: { type: "boolean", default: false },
      seconds: { type: "string", default: "440" },
      rounds: { type: "string", default: "5" },
    },
  });
  return {
    out: values.out,
    ...(values.device !== undefined && { device: values.device }),
    parts: new Set(values.parts.split(",")),
    tiny: values.tiny,
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
  };
}
