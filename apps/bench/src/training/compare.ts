// Benchmark: our trainer beside one in PyTorch: the same model, text, batches, initial values and optimizers; rates in paired
// rounds, where the time of a step goes, and whether both learn the same.
//   node apps/bench/dist/training/compare.js [--plan cpu|gpu|tiny] [--out DIR] [--models nano,small] [--engines LIST]
//     [--device Vulkan0] [--threads 2] [--rounds 9] [--seconds 600] [--text FOLDER]
//   node apps/bench/dist/training/compare.js text FOLDER [--plan gpu]   writes the text for a host that has no packages
// PyTorch is that of $ENGRAM_TORCH_PYTHON, $ENGRAM_PYTHON or python3. Engines are separated by semicolons.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { trainingComparison } from "./training-comparison.js";
import { type TrainingPlan, trainingPlan } from "./training-plan.js";
import { serveTraining } from "./training-server.js";
import { writeTrainingText } from "./training-text.js";

// kernels of the engine ggml for the CPU, which a bundle cannot hold, lie beside it; so does its text
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));
if (existsSync(beside("engram-kernels.so"))) process.env.ENGRAM_GGML_KERNELS ??= beside("engram-kernels.so");

const [, , verb, place = "", engineThreads] = process.argv;
if (verb === "serve") await serveTraining(place, engineThreads === undefined ? undefined : Number(engineThreads));
else await main();

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    allowPositionals: true,
    options: {
      plan: { type: "string", default: "cpu" },
      out: { type: "string", default: process.env.OUT ?? "." },
      models: { type: "string" },
      engines: { type: "string" },
      device: { type: "string" },
      threads: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string", default: "600" },
      text: { type: "string" },
    },
  });
  const plan = changedPlan(trainingPlan(planName(options.plan), options.device), options);
  if (verb === "text") return writeTrainingText(place, plan.text);
  const text = options.text ?? (existsSync(beside("text")) ? beside("text") : undefined);
  const own = { plan, out: options.out, seconds: Number(options.seconds) };
  await trainingComparison({ ...own, ...(text !== undefined && { text }) });
}

function planName(name: string): TrainingPlan["name"] {
  if (name === "cpu" || name === "gpu" || name === "tiny") return name;
  throw new Error(`there is no plan ${name}; use cpu, gpu or tiny`);
}

function changedPlan(
  plan: TrainingPlan,
  { models, engines, threads, rounds }: Readonly<Partial<Record<"models" | "engines" | "threads" | "rounds", string>>>,
): TrainingPlan {
  const wanted = models?.split(",");
  const parts = plan.parts
    .filter(({ model }) => wanted === undefined || wanted.includes(model))
    .map((part) => ({ ...part, ...(rounds !== undefined && { rounds: Number(rounds) }) }));
  return {
    ...plan,
    parts,
    ...(engines !== undefined && { engines: engines.split(";") }),
    ...(threads !== undefined && { threads: Number(threads) }),
  };
}
