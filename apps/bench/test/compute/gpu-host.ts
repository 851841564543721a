// The comparison on a GPU together with the engine suite's checks of every operation: the program that is bundled for a
// host that has no packages (tools/peers/bundle-gpu.mjs). No test itself.

import { openEngine } from "../../src/compute/compute-engines.js";
import type { CheckLine } from "../../src/compute/engine-checks.js";
import { serveEngine } from "../../src/compute/engine-server.js";
import { gpuOptions } from "../../src/compute/gpu-arguments.js";
import { gpuComparison } from "../../src/compute/gpu-comparison.js";
import { engineChecksOf } from "./host-checks.js";

const [, , verb, engine = "", tolerance = "f32", directions = "both"] = process.argv;
if (verb === "serve") await serveEngine(engine);
else if (verb === "check") {
  const say = (line: CheckLine) => process.stdout.write(`${JSON.stringify(line)}\n`);
  await engineChecksOf(() => openEngine(engine), tolerance, directions === "both", say);
} else await gpuComparison(gpuOptions("checks,overhead,models,blocks,profile"));
