// Writes what a GPU host without packages needs to compare trainers: one program, training.mjs, which is
// apps/bench/src/training/compare.ts with everything that it imports, the PyTorch peer beside it, and the text as tokens.
//   node tools/peers/bundle-training.mjs FOLDER [gpu|cpu|tiny]     after apps/bench was built; the plan whose text it is
// Left outside the bundle, to be found by Node on the host: koffi and webgpu, which are native, and ggml's libraries.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [folder, plan = "gpu"] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tools/peers/bundle-training.mjs FOLDER [gpu|cpu|tiny]");
  process.exit(2);
}
const root = fileURLToPath(new URL("../..", import.meta.url));
mkdirSync(folder, { recursive: true });
for (const name of ["engram_torch.py", "engram_torch_bench.py", "engram_torch_train.py"]) {
  copyFileSync(join(root, "tools/peers", name), join(folder, name));
}
const kernels = join(root, "packages/backend-gpu/native/linux-x64/engram-kernels.so");
if (existsSync(kernels)) copyFileSync(kernels, join(folder, "engram-kernels.so"));
rmSync(join(folder, "text"), { recursive: true, force: true });
const program = join(root, "apps/bench/dist/training/compare.js");
execFileSync(process.execPath, [program, "text", join(folder, "text"), "--plan", plan], { stdio: "inherit" });
const source = (name) => join(root, "packages", name, "src/index.ts");
await build({
  entryPoints: [join(root, "apps/bench/src/training/compare.ts")],
  outfile: join(folder, "training.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  external: ["koffi", "webgpu", "@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"],
  alias: {
    "@engram-ts/core": source("core"),
    "@engram-ts/store-kit": source("store-kit"),
    "@engram-ts/store-dram": source("store-dram"),
    "@engram-ts/store-file": source("store-file"),
    "@engram-ts/train": source("train"),
    "@engram-ts/backend-gpu/ggml": join(root, "packages/backend-gpu/src/ggml/index.ts"),
    "@engram-ts/backend-gpu/tfjs": join(root, "packages/backend-gpu/src/tfjs/index.ts"),
  },
  banner: {
    js: "import{createRequire as engramRequire}from'node:module';const require=engramRequire(import.meta.url);",
  },
  logLevel: "error",
});
