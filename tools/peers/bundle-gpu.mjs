// Writes what a GPU host without packages needs to compare compute: one program, gpu-compute.mjs, which is
// apps/bench/test/compute/gpu-host.ts with everything that it imports, and the PyTorch peer beside it.
//   node tools/peers/bundle-gpu.mjs FOLDER
// Left outside the bundle, to be found by Node on the host: koffi and webgpu, which are native, and ggml's libraries.
import { join } from "node:path";
import { copyPeers, hostBundle, root } from "./host-bundle.mjs";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tools/peers/bundle-gpu.mjs FOLDER");
  process.exit(2);
}
copyPeers(folder, ["engram_torch.py", "engram_torch_bench.py"]);
await hostBundle({
  folder,
  entry: "test/compute/gpu-host.ts",
  file: "gpu-compute.mjs",
  external: ["@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"],
  alias: { vitest: join(root, "apps/bench/test/compute/plain-expect.ts") },
});
