// A run whose rows lie on some tier, in a process of its own: takes steps when it is told to, and says where their time went.
// Packages are those of a checkout that it is given, so that an older one can be measured beside this one.
//   node rows-contestant.js, told by lines of JSON on stdin (training/rows.ts)

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ModelSpec, TableInfo, WritableRowStore } from "@engram-ts/core";
import type { StepMetrics, TrainedTable, TrainingConfigInput } from "@engram-ts/train";

/** What is run. JSON. */
export interface RowsRun {
  /** Where packages are imported from; a checkout's folder. */
  readonly checkout?: string;
  /** `kept`: on LMDB, with memory for rows that changed. */
  readonly tier: "dram" | "lmdb" | "kept";
  readonly threads: number;
  readonly device: string;
  readonly tokens: string;
  readonly spec: ModelSpec;
  readonly batch: { readonly rows: number; readonly length: number };
  readonly config: TrainingConfigInput;
}

interface OpenedRun {
  takeStep(): Promise<StepMetrics>;
  close(): Promise<void>;
}

const SEED = 1;
/** For each of a table's two stores. */
const KEPT_BYTES = 2 ** 29;

async function open({ checkout, tier, threads, device, tokens, spec, batch, config }: RowsRun): Promise<OpenedRun> {
  const of = (name: string): string =>
    checkout === undefined ? `@engram-ts/${name}` : join(checkout, "packages", name, "dist/index.js");
  // what older checkouts export is what is used here, or the program fails
  const core = (await import(of("core"))) as typeof import("@engram-ts/core");
  const train = (await import(of("train"))) as typeof import("@engram-ts/train");
  const { dramStore } = (await import(of("store-dram"))) as typeof import("@engram-ts/store-dram");
  const { lmdbStore } = (await import(of("store-lmdb"))) as typeof import("@engram-ts/store-lmdb");
  const { openBackend } = (await import(of("backend-gpu"))) as typeof import("@engram-ts/backend-gpu");
  const folder = mkdtempSync(join(tmpdir(), "engram-rows-"));
  const backend = await openBackend({ engine: "ggml", device, threads });
  const shards = await train.openTokenShards(tokens, "training");
  const tokenMap = core.buildTokenMap(shards.tokenizer.vocabulary, { keys: true });
  const parameters = core.randomParameters(backend, spec, { seed: SEED });
  const model = core.createModel({ spec, backend, parameters, tokenMap });
  const store = async (name: string, table: TableInfo, initialize: (firstRow: number, rows: Uint8Array) => void) => {
    if (tier === "dram") return dramStore({ table, initialize });
    const onDisk = await lmdbStore({ path: join(folder, name), table, initialize, durability: "close" });
    return tier === "lmdb" ? onDisk : core.writeBack(onDisk, { bytes: KEPT_BYTES });
  };
  const stores: WritableRowStore[] = [];
  const tables = new Map<number, TrainedTable>();
  for (const [layer, table] of train.tablesOf(spec)) {
    const initial = train.initialRows({ seed: SEED, layer, width: table.encoding.width });
    const rows = await store(`rows-${layer}`, table, train.initializeBytes(table, initial));
    // filled, so that no page of them is touched for the first time by a step
    const moments = await store(`moments-${layer}`, train.momentsTable(table), (_, bytes) => void bytes.fill(0));
    stores.push(rows, moments);
    tables.set(layer, { rows, moments, initial });
  }
  const source = train.tokenSource(shards, { ...batch, packing: "rows", seed: SEED });
  const trainer = await train.createTrainer({ model, tables, source, config });
  return {
    takeStep: () => trainer.takeStep(),
    async close() {
      trainer.close();
      for (const one of stores) await one.close();
      await backend.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let run: OpenedRun | undefined;
const say = (answer: object): void => console.log(JSON.stringify(answer));
say({ version: process.version, device: "" });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as { readonly do: string; readonly run: RowsRun; readonly count: number }; // our own program's
  try {
    if (request.do === "open") run = await open(request.run);
    const steps: StepMetrics[] = [];
    for (let i = 0; i < (request.count ?? 0); i++) if (run !== undefined) steps.push(await run.takeStep());
    if (request.do === "close") await run?.close();
    say({ steps });
  } catch (error) {
    say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
process.exit(0); // engines may keep threads
