// Writes what a GPU host without packages needs to run the experiments: one program, experiments.mjs, which is `engram-bench
// experiment` with everything that it imports, the kernels of the engine ggml for the CPU, and the corpora, packed.
//   node tools/peers/bundle-experiments.mjs FOLDER [CORPORA]
// On the host: node experiments.mjs experiment allocation --packed FOLDER/corpora --corpora /tmp/corpora --scale gpu ...
// Left outside the bundle, to be found by Node on the host: koffi, which is native, and ggml's libraries.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [folder, corpora] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tools/peers/bundle-experiments.mjs FOLDER [CORPORA]");
  process.exit(2);
}
const root = fileURLToPath(new URL("../..", import.meta.url));
mkdirSync(folder, { recursive: true });
const kernels = join(root, "packages/backend-gpu/native/linux-x64/engram-kernels.so");
if (existsSync(kernels)) copyFileSync(kernels, join(folder, "engram-kernels.so"));
const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
const changed = git("status", "--porcelain", "--untracked-files=no", "--", "packages", "apps") !== "";
const commit = git("rev-parse", "--short=12", "HEAD") + (changed ? "+" : "");
const source = (name) => join(root, "packages", name, "src/index.ts");
const names = [
  "core",
  "cli",
  "train",
  "backend-gpu",
  ...["kit", "dram", "file", "lmdb", "s3"].map((name) => `store-${name}`),
];
await build({
  entryPoints: [join(root, "apps/bench/src/experiments/host-program.ts")],
  outfile: join(folder, "experiments.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  external: ["koffi", "webgpu", "lmdb", "@aws-sdk/*", "@smithy/*", "@huggingface/*", "@tensorflow/*"],
  alias: {
    ...Object.fromEntries(names.map((name) => [`@engram-ts/${name}`, source(name)])),
    "@engram-ts/backend-gpu/ggml": join(root, "packages/backend-gpu/src/ggml/index.ts"),
    "@engram-ts/backend-gpu/tfjs": join(root, "packages/backend-gpu/src/tfjs/index.ts"),
  },
  banner: {
    js: `import{createRequire as engramRequire}from'node:module';const require=engramRequire(import.meta.url);process.env.ENGRAM_COMMIT??=${JSON.stringify(commit)};`,
  },
  logLevel: "error",
});
if (corpora !== undefined) {
  // packed by the program that was just written, so that what it reads is what it wrote
  const program = join(folder, "experiments.mjs");
  const pack = join(folder, "corpora");
  execFileSync(process.execPath, [program, "experiment", "prepare", "--out", corpora, "--pack", pack], {
    stdio: "inherit",
  });
}
