// Writes what a GPU host without packages needs to run the experiments: one program, experiments.mjs, which is `engram-bench
// experiment` with everything that it imports, the kernels of the engine ggml for the CPU, and the corpora, packed.
//   node tools/peers/bundle-experiments.mjs FOLDER [CORPORA]
// On the host: node experiments.mjs experiment allocation --packed FOLDER/corpora --corpora /tmp/corpora --scale gpu ...
// Left outside the bundle, to be found by Node on the host: koffi, which is native, and ggml's libraries.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { hostBundle, root } from "./host-bundle.mjs";

const [folder, corpora] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tools/peers/bundle-experiments.mjs FOLDER [CORPORA]");
  process.exit(2);
}
const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
const changed = git("status", "--porcelain", "--untracked-files=no", "--", "packages", "apps") !== "";
const commit = git("rev-parse", "--short=12", "HEAD") + (changed ? "+" : "");
await hostBundle({
  folder,
  entry: "src/experiments/host-program.ts",
  file: "experiments.mjs",
  external: ["lmdb", "@aws-sdk/*", "@smithy/*", "@huggingface/*", "@tensorflow/*"],
  first: `process.env.ENGRAM_COMMIT??=${JSON.stringify(commit)};`,
});
if (corpora !== undefined) {
  // packed by the program that was just written, so that what it reads is what it wrote
  const program = join(folder, "experiments.mjs");
  const pack = join(folder, "corpora");
  execFileSync(process.execPath, [program, "experiment", "prepare", "--out", corpora, "--pack", pack], {
    stdio: "inherit",
  });
}
