// Writes what a GPU host without packages needs to compare compute: one program, gpu-compute.mjs, which is
// apps/bench/test/compute/gpu-host.ts with everything that it imports, and the PyTorch peer beside it.
//   node tools/peers/bundle-gpu.mjs FOLDER
// Left outside the bundle, to be found by Node on the host: koffi and webgpu, which are native, and ggml's libraries.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tools/peers/bundle-gpu.mjs FOLDER");
  process.exit(2);
}
const root = fileURLToPath(new URL("../..", import.meta.url));
mkdirSync(folder, { recursive: true });
for (const name of ["engram_torch.py", "engram_torch_bench.py"]) {
  copyFileSync(join(root, "tools/peers", name), join(folder, name));
}
const kernels = join(root, "packages/backend-gpu/native/linux-x64/engram-kernels.so");
if (existsSync(kernels)) copyFileSync(kernels, join(folder, "engram-kernels.so"));
const source = (name) => join(root, "packages", name, "src/index.ts");
await build({
  entryPoints: [join(root, "apps/bench/test/compute/gpu-host.ts")],
  outfile: join(folder, "gpu-compute.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  external: ["koffi", "webgpu", "@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"],
  alias: {
    vitest: join(root, "apps/bench/test/compute/plain-expect.ts"),
    "@engram-ts/core": source("core"),
    "@engram-ts/store-kit": source("store-kit"),
    "@engram-ts/store-dram": source("store-dram"),
    "@engram-ts/store-file": source("store-file"),
    "@engram-ts/backend-gpu/ggml": join(root, "packages/backend-gpu/src/ggml/index.ts"),
    "@engram-ts/backend-gpu/tfjs": join(root, "packages/backend-gpu/src/tfjs/index.ts"),
  },
  banner: {
    js: "import{createRequire as engramRequire}from'node:module';const require=engramRequire(import.meta.url);",
  },
  logLevel: "error",
});
