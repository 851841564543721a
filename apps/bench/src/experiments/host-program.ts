// The experiments as a program of their own, for a machine that has Node, koffi and ggml's libraries and no packages: what is
// bundled by tools/peers/bundle-experiments.mjs. The command is the same as `engram-bench experiment`.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { experimentCommand } from "./experiment-command.js";

// kernels of the engine ggml for the CPU, which the bundle cannot hold, lie beside it
const kernels = fileURLToPath(new URL("engram-kernels.so", import.meta.url));
if (existsSync(kernels)) process.env.ENGRAM_GGML_KERNELS ??= kernels;

await new Command("engram-experiments").addCommand(experimentCommand()).parseAsync();
