// Benchmark: models and single blocks on this host's GPU beside PyTorch, see gpu-comparison.ts.
//   node apps/bench/dist/compute/gpu.js [--out DIR] [--device Vulkan0] [--parts overhead,models,blocks,profile] [--seconds 440]
//     [--rounds 5] [--tiny]
// PyTorch is that of $ENGRAM_TORCH_PYTHON, $ENGRAM_PYTHON or python3, with CUDA. ggml's library for the GPU is the package
// @node-llama-cpp/* that is installed, or the folder $ENGRAM_GGML_LIB.

import { serveEngine } from "./engine-server.js";
import { gpuOptions } from "./gpu-arguments.js";
import { gpuComparison } from "./gpu-comparison.js";

const [, , verb, engine = ""] = process.argv;
if (verb === "serve") await serveEngine(engine);
else await gpuComparison(gpuOptions("overhead,models,blocks,profile"));
