// The suite `import`: a checkpoint in DeepSeek-V4.1's layout brought into files and into LMDB by the command engram, beside
// `cp` of the same shards; whole processes, shards in the page cache. An import joins values and scales, takes digests,
// syncs and reads everything back; `cp` does none of it.

import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CellContestant, CellPlan } from "../cells/cell-plan.js";
import type { CommandContestantOptions } from "../cells/command-contestant.js";
import { engramCommand } from "./engram-command.js";
import type { Suite, SuiteContext } from "./suite.js";

const PROGRAM = fileURLToPath(new URL("../../dist/cells/command-contestant.js", import.meta.url));
/** Rows of a head of the checkpoint: 130 MB, and 260 MB. */
const QUICK_SIZE = 10_000;
const FULL_SIZE = 20_000;

/** The suite. */
export const importSuite: Suite = {
  name: "import",
  description: "a checkpoint's tables into files and LMDB, beside cp of the same shards",
  plan: (context) => ({ cells: [importCell(context)] }),
};

function importCell({ quick, folder }: SuiteContext): CellPlan {
  const engram = engramCommand();
  const size = quick ? QUICK_SIZE : FULL_SIZE;
  const source = join(folder, "checkpoint");
  const contestants: CellContestant[] = [];
  let megabytes = 1;
  const own = (name: string, kind: CellContestant["kind"], options: CommandContestantOptions): CellContestant => {
    return { name, kind, command: [process.execPath, PROGRAM, JSON.stringify(options)] };
  };
  const importTo = (name: string, scheme: string, verify: string) => {
    const target = join(folder, `imported-${scheme}-${verify}`);
    const args = ["import", source, "--to", `${scheme}:${target}`, "--verify", verify, "--json"];
    return own(name, "tier", { command: [process.execPath, engram, ...args], target });
  };
  return {
    id: `import/deepseek-v4.1/${size}`,
    suite: "import",
    title: `a checkpoint in DeepSeek-V4.1's layout, heads of ${size} rows`,
    labels: { layout: "deepseek-v4.1", tableSize: size },
    unit: "MB",
    get unitsPerCall() {
      return megabytes;
    },
    listedCalls: 1,
    calls: 1,
    processes: 1,
    limitMs: 900_000, // of a whole import on a busy machine
    state: "hot",
    cacheState: "shards in the system's cache; what is written is synced where the name says so",
    contestants,
    baseline: "cp, then sync",
    checked: "by the import itself, which reads back every row where the name says so",
    priority: 1,
    prepare() {
      const make = ["make-fixture", "deepseek-v4.1", "--out", source, "--table-size", String(size), "--json"];
      execFileSync(process.execPath, [engram, ...make], { stdio: ["ignore", "ignore", "pipe"] });
      const bytes = readdirSync(source).reduce((sum, name) => sum + statSync(join(source, name)).size, 0);
      megabytes = bytes / 1e6;
      const copied = join(folder, "copied");
      const copy = { command: ["cp", "-r", "--reflink=never", source, copied], target: copied };
      contestants.push(
        importTo("to file:, read back", "file", "all"),
        importTo("to file:, not read back", "file", "none"),
        importTo("to lmdb:, read back", "lmdb", "all"),
        own("cp", "peer", copy),
        own("cp, then sync", "peer", { ...copy, afterwards: ["sync", "-f", copied] }),
      );
      return Promise.resolve();
    },
  };
}
