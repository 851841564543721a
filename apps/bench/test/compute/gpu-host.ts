// The comparison on a GPU together with the engine suite's checks of every operation: the program that is bundled for a
// host that has no packages (tools/peers/bundle-gpu.mjs). No test itself.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openEngine } from "../../src/compute/compute-engines.js";
import type { CheckLine } from "../../src/compute/engine-checks.js";
import { serveEngine } from "../../src/compute/engine-server.js";
import { gpuOptions } from "../../src/compute/gpu-arguments.js";
import { gpuComparison } from "../../src/compute/gpu-comparison.js";
import { engineChecksOf } from "./host-checks.js";

// kernels of the engine ggml for the CPU, which the bundle cannot hold, lie beside it
const kernels = fileURLToPath(new URL("engram-kernels.so", import.meta.url));
if (existsSync(kernels)) process.env.ENGRAM_GGML_KERNELS ??= kernels;

const [, , verb, engine = "", tolerance = "f32", directions = "both"] = process.argv;
if (verb === "serve") await serveEngine(engine);
else if (verb === "check") {
  const say = (line: CheckLine) => process.stdout.write(`${JSON.stringify(line)}\n`);
  await engineChecksOf(() => openEngine(engine), tolerance, directions === "both", say);
} else await gpuComparison(gpuOptions("checks,overhead,models,blocks,profile"));
