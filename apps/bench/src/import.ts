// Benchmark: `engram import` of a checkpoint in DeepSeek-V4.1's layout, into files and into LMDB, beside `cp` of the same
// shards; whole processes, in turn, in alternating order, files in the page cache. An import reads two regions, joins them
// to packed rows, takes digests of blocks and table, syncs at commit points and reads everything back; `cp` does none of it.
//   node apps/bench/dist/import.js [--table-size 100000] [--rounds 5] [--out FILE]

import { type ExecFileSyncOptions, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median, pairedRatio, type Ratio } from "./gather-statistics.js";
import { machineCard } from "./machine-card.js";

const engram = fileURLToPath(new URL("../../../packages/cli/bin/engram.js", import.meta.url));

interface Contestant {
  readonly name: string;
  /** What it leaves, removed before and after each run. */
  readonly target: string;
  run(): void;
}

const { values: options } = parseArgs({
  options: {
    "table-size": { type: "string", default: "100000" },
    rounds: { type: "string", default: "5" },
    out: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const folder = mkdtempSync(join(tmpdir(), "engram-import-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const quiet: ExecFileSyncOptions = { stdio: ["ignore", "ignore", "inherit"] };
const cli = (...args: string[]) => execFileSync(process.execPath, [engram, ...args, "--json"], quiet);

const source = join(folder, "checkpoint");
cli("make-fixture", "deepseek-v4.1", "--out", source, "--table-size", options["table-size"]);
const bytes = readdirSync(source).reduce((sum, name) => sum + statSync(join(source, name)).size, 0);

const importTo = (name: string, scheme: string, verify: string): Contestant => {
  const target = join(folder, `${scheme}-${verify}`);
  return { name, target, run: () => cli("import", source, "--to", `${scheme}:${target}`, "--verify", verify) };
};
const copied = join(folder, "copied");
const contestants: readonly Contestant[] = [
  importTo("import to file:, read back", "file", "all"),
  importTo("import to file:, not read back", "file", "none"),
  importTo("import to lmdb:, read back", "lmdb", "all"),
  { name: "cp", target: copied, run: () => execFileSync("cp", ["-r", "--reflink=never", source, copied], quiet) },
  {
    name: "cp, then sync",
    target: copied,
    run: () => {
      execFileSync("cp", ["-r", "--reflink=never", source, copied], quiet);
      execFileSync("sync", ["-f", copied], quiet);
    },
  },
];

const seconds = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  // The first round warms up and is not counted.
  for (const { name, target, run } of round % 2 === 0 ? contestants : contestants.toReversed()) {
    rmSync(target, { recursive: true, force: true });
    const start = performance.now();
    run();
    if (round > 0) seconds.get(name)?.push((performance.now() - start) / 1000);
    rmSync(target, { recursive: true, force: true });
  }
}

const reference = seconds.get("cp, then sync") ?? [];
const results = contestants.map(({ name }) => {
  const own = seconds.get(name) ?? [];
  const timesCp: Ratio = pairedRatio(reference, own);
  return { name, seconds: own, megabytesPerSecond: bytes / 1e6 / median(own), timesCp };
});
const report = { benchmark: "import", date: new Date().toISOString(), machine: machineCard(), bytes, rounds, results };
for (const { name, megabytesPerSecond, timesCp } of results) {
  const { median: middle, low, high } = timesCp;
  console.log(
    `${name.padEnd(32)} ${megabytesPerSecond.toFixed(0).padStart(6)} MB/s  ${middle.toFixed(2)}x cp and sync (${low.toFixed(2)} to ${high.toFixed(2)})`,
  );
}
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report)}\n`);
