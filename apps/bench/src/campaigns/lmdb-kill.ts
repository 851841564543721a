// A campaign: writes tables into LMDB, kills the writing process at random moments with SIGKILL, opens what is there and
// goes on. After each kill every published row is checked, and that no row that was told to be committed is missing;
// writings that get to their end replace the tables of the one before, so kills fall on publishing and removing, too.
//   node apps/bench/dist/campaigns/lmdb-kill.js [--runs 100] [--seed 1] [--rows 600000] [--folder DIR] [--out FILE]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createAddressing, fillRows, findWrongRow, isEngramError, type TablePlan, tableInfo } from "@engram-ts/core";
import { lmdbDriver } from "@engram-ts/store-lmdb";

const LAYER = 1;
const CHUNK_ROWS = 16_384;
/** Kills come within this time after the writing began; a whole writing takes about as long. */
const MOST_MS = 700;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    rows: { type: "string", default: "600000" },
    folder: { type: "string", default: tmpdir() },
    out: { type: "string" },
  },
});

/** The plan of the n-th writing; its rows are those of seed n. */
function planOf(writing: number): TablePlan {
  const quarter = Math.ceil(Number(options.rows) / 4);
  const addressing = {
    kind: "engram",
    vocabSize: 50,
    seed: writing,
    layers: [LAYER],
    tableSizes: [quarter, quarter],
    headsPerOrder: 2,
    padId: 2,
  } as const;
  const derived = createAddressing(addressing, { kernel: "typescript" }).derivation();
  const rows = derived.layers[0]?.rows ?? 0;
  const tables = new Map([[LAYER, tableInfo({ rows, encoding: { kind: "bf16", width: 32 } })]]);
  return { manifest: { format: "engram", version: 1, addressing, derived }, tables };
}

async function write(uri: string, writing: number): Promise<void> {
  const plan = planOf(writing);
  const table = plan.tables.get(LAYER);
  console.log("started");
  const writer = await lmdbDriver().write?.(uri, plan);
  if (writer === undefined || table === undefined) throw new Error("the driver writes");
  for (let row = writer.committed.get(LAYER) ?? 0; row < table.rows; row += CHUNK_ROWS) {
    const rows = new Uint8Array(Math.min(CHUNK_ROWS, table.rows - row) * table.rowBytes);
    fillRows(table, writing, row, rows);
    await writer.write(LAYER, row, rows);
    console.log(`committed ${writer.committed.get(LAYER)}`);
  }
  await writer.finish();
  console.log("published");
  await writer.close();
}

/** Checks all published rows; gives the number of the writing that they are of, 0 where nothing is published. */
async function checkPublished(uri: string): Promise<number> {
  const opened = await lmdbDriver()
    .open(uri)
    .catch((error: unknown) => {
      if (isEngramError(error, "not-found")) return undefined;
      throw error;
    });
  if (opened === undefined) return 0;
  const { addressing } = opened.manifest;
  const writing = "seed" in addressing ? addressing.seed : 0;
  const store = opened.tables.get(LAYER);
  if (store === undefined) throw new Error("the table of the layer is gone");
  const { rows, rowBytes } = store.table;
  for (let row = 0; row < rows; row += CHUNK_ROWS) {
    const ids = Uint32Array.from({ length: Math.min(CHUNK_ROWS, rows - row) }, (_, i) => row + i);
    const ticket = store.prefetch(ids);
    await ticket.ready;
    const bytes = new Uint8Array(ids.length * rowBytes);
    ticket.gather(bytes);
    ticket.release();
    const wrong = findWrongRow(store.table, writing, ids, bytes);
    if (wrong >= 0) throw new Error(`row ${ids[wrong]} of writing ${writing} is wrong`);
  }
  await opened.close();
  return writing;
}

async function campaign() {
  const folder = mkdtempSync(join(options.folder, "engram-lmdb-kill-"));
  const uri = `lmdb:${folder}`;
  const result = { runs: 0, killed: 0, killedBeforeFirstCommit: 0, finished: 0, published: 0, resumedRows: 0 };
  let random = Number(options.seed) >>> 0;
  let writing = 1;
  let committed = 0;
  try {
    while (result.runs < Number(options.runs)) {
      result.runs++;
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      const args = ["child", folder, `${writing}`, "--rows", options.rows];
      const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let timer: NodeJS.Timeout | undefined;
      const exited = once(child, "exit");
      let published = false;
      let lines = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        lines++;
        if (line === "started") timer = setTimeout(() => child.kill("SIGKILL"), (random / 2 ** 32) * MOST_MS);
        else if (line === "published") published = true;
        else committed = Math.max(committed, Number(line.slice("committed ".length)));
      }
      const [, signal] = await exited;
      clearTimeout(timer);
      if (signal === "SIGKILL") result.killed++;
      else result.finished++;
      if (lines <= 1) result.killedBeforeFirstCommit++;
      const found = await checkPublished(uri);
      if (found !== writing && (published || found !== writing - 1)) {
        throw new Error(
          `writing ${found} is published after ${published ? "the end of" : "a kill of"} writing ${writing}`,
        );
      }
      if (found === writing) {
        result.published++;
        writing++;
        committed = 0;
        continue;
      }
      const writer = await lmdbDriver().write?.(uri, planOf(writing));
      const kept = writer?.committed.get(LAYER) ?? 0;
      await writer?.close();
      if (kept < committed) throw new Error(`${committed} rows were committed, and ${kept} are there after a kill`);
      result.resumedRows += kept;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return result;
}

if (positionals[0] === "child") await write(`lmdb:${positionals[1]}`, Number(positionals[2]));
else {
  const result = {
    campaign: "lmdb-kill",
    seed: Number(options.seed),
    date: new Date().toISOString(),
    ...(await campaign()),
  };
  if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(result, null, 1)}\n`);
  console.log(JSON.stringify(result));
}
