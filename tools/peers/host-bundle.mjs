// One program as one file for a host without packages, and the kernels of the engine ggml for the CPU beside it. Shared by the
// programs bundle-*.mjs, which say what is bundled. Left outside, to be found by Node on the host: koffi and webgpu, which are
// native, and ggml's libraries.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The checkout. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

const PACKAGES = [
  "core",
  "cli",
  "train",
  "backend-gpu",
  ...["kit", "dram", "file", "lmdb", "s3"].map((name) => `store-${name}`),
];
const FOR_IMPORTED_COMMONJS =
  "import{createRequire as engramRequire}from'node:module';const require=engramRequire(import.meta.url);";

/** Copies PyTorch's side into a folder. */
export function copyPeers(folder, names) {
  mkdirSync(folder, { recursive: true });
  for (const name of names) copyFileSync(join(root, "tools/peers", name), join(folder, name));
}

/** Bundles `entry` of apps/bench into `folder`/`file`; `external` and `alias` are added to what all have, `first` runs first. */
export async function hostBundle({ folder, entry, file, external, alias = {}, first = "" }) {
  mkdirSync(folder, { recursive: true });
  const kernels = join(root, "packages/backend-gpu/native/linux-x64/engram-kernels.so");
  if (existsSync(kernels)) copyFileSync(kernels, join(folder, "engram-kernels.so"));
  await build({
    entryPoints: [join(root, "apps/bench", entry)],
    outfile: join(folder, file),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["koffi", "webgpu", ...external],
    alias: {
      ...Object.fromEntries(
        PACKAGES.map((name) => [`@engram-ts/${name}`, join(root, "packages", name, "src/index.ts")]),
      ),
      "@engram-ts/backend-gpu/ggml": join(root, "packages/backend-gpu/src/ggml/index.ts"),
      "@engram-ts/backend-gpu/tfjs": join(root, "packages/backend-gpu/src/tfjs/index.ts"),
      ...alias,
    },
    banner: { js: FOR_IMPORTED_COMMONJS + first },
    logLevel: "error",
  });
}
