// Writes what a GPU host without packages needs to compare trainers: one program, training.mjs, which is
// apps/bench/src/training/compare.ts with everything that it imports, the PyTorch peer beside it, and the text as tokens.
//   node tools/peers/bundle-training.mjs FOLDER [gpu|cpu|tiny]     after apps/bench was built; the plan whose text it is
// Left outside the bundle, to be found by Node on the host: koffi and webgpu, which are native, and ggml's libraries.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { copyPeers, hostBundle, root } from "./host-bundle.mjs";

const [folder, plan = "gpu"] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tools/peers/bundle-training.mjs FOLDER [gpu|cpu|tiny]");
  process.exit(2);
}
copyPeers(folder, ["engram_torch.py", "engram_torch_bench.py", "engram_torch_train.py"]);
rmSync(join(folder, "text"), { recursive: true, force: true });
const program = join(root, "apps/bench/dist/training/compare.js");
execFileSync(process.execPath, [program, "text", join(folder, "text"), "--plan", plan], { stdio: "inherit" });
await hostBundle({
  folder,
  entry: "src/training/compare.ts",
  file: "training.mjs",
  external: ["@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"],
});
