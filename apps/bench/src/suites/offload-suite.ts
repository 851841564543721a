// The suite `offload`: tokens a second of whole decode steps with the rows on each tier, against rows resident in memory, with
// reading ahead and without. The model is a small one with random weights and larger tables; how much a tier costs depends
// on how long the engine computes meanwhile, so the figures are of this engine and this model, and say so.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compressIds, createAddressing, fillRows, type ModelSpec, modelPreset, tableInfo } from "@engram-ts/core";
import type { CellContestant, CellPlan } from "../cells/cell-plan.js";
import type { OffloadContestantOptions } from "../cells/offload-contestant.js";
import { filesBelow, writeTables } from "../cells/row-table.js";
import { canDropFiles } from "../machine/page-cache.js";
import { shortCount } from "../report/numbers.js";
import type { Suite, SuiteContext } from "./suite.js";
import { READ_THREADS } from "./tier-contestants.js";

const PROGRAM = fileURLToPath(new URL("../../dist/cells/offload-contestant.js", import.meta.url));
/** Rows of a head: tables large enough that a step's rows lie apart. */
const QUICK_SIZE = 20_000;
const FULL_SIZE = 200_000;
const PRESET = "tiny";

/** The suite. */
export const offloadSuite: Suite = {
  name: "offload",
  description: "tokens a second with rows on each tier against rows resident, with and without read-ahead",
  plan(context) {
    const sequences = context.quick ? [1] : [1, 8];
    const states = canDropFiles() ? (["hot", "cold"] as const) : (["hot"] as const);
    const shared = sharedTables(context);
    return {
      cells: sequences.flatMap((count, i) =>
        states.map((state, k) => offloadCell(count, state, i + k, shared, context)),
      ),
    };
  },
};

/** The model, and its tables written once. */
interface Shared {
  readonly specFile: string;
  /** Of all tables. */
  readonly rows: number;
  readonly tokens: Uint32Array;
  readonly folders: { readonly file: string; readonly lmdb: string };
  write(): Promise<void>;
}

function sharedTables(context: SuiteContext): Shared {
  const preset = modelPreset(PRESET);
  const { memory } = preset;
  if (memory === undefined) throw new Error(`${PRESET} has no memory`);
  const shape = memory;
  const size = context.quick ? QUICK_SIZE : FULL_SIZE;
  const addressing = { ...memory.addressing, tableSizes: memory.addressing.tableSizes.map(() => size) };
  // ids as the addressing takes them, so that the model needs no token map
  const spec: ModelSpec = { ...preset, vocabSize: addressing.vocabSize, memory: { ...memory, addressing } };
  const hashes = createAddressing(addressing);
  const specFile = join(context.folder, "offload-spec.json");
  const folders = { file: join(context.folder, "offload-file"), lmdb: join(context.folder, "offload-lmdb") };
  let writing: Promise<void> | undefined;
  return {
    specFile,
    rows: hashes.layers.reduce((sum, layer) => sum + layer.rows, 0),
    folders,
    tokens: compressIds(context.tokenizer.tokenMap, context.trace.ids),
    write() {
      writing ??= writeAll();
      return writing;
    },
  };
  async function writeAll(): Promise<void> {
    writeFileSync(specFile, JSON.stringify(spec));
    const { encoding } = shape;
    const tables = new Map(hashes.layers.map(({ layer, rows }) => [layer, tableInfo({ rows, encoding })]));
    for (const [scheme, folder] of Object.entries(folders)) {
      await writeTables(`${scheme}:${folder}`, hashes, tables, (layer, firstRow, bytes) => {
        const table = tables.get(layer);
        if (table !== undefined) fillRows(table, layer, firstRow, bytes);
      });
    }
  }
}

function offloadCell(
  sequences: number,
  state: "hot" | "cold",
  priority: number,
  shared: Shared,
  context: SuiteContext,
): CellPlan {
  const { folders, rows } = shared;
  const contestants: CellContestant[] = [];
  return {
    id: `offload/${context.engine}/${PRESET}/${state}/${sequences}`,
    suite: "offload",
    title: `decode steps of ${PRESET} on ${context.engine}, ${sequences} ${sequences === 1 ? "sequence" : "sequences"}, ${shortCount(rows)} rows, ${state}`,
    labels: { engine: context.engine, preset: PRESET, state, sequences, rows },
    unit: "token",
    unitsPerCall: sequences,
    listedCalls: WARM_UP_CALLS + Math.floor(shared.tokens.length / sequences),
    warmUpCalls: WARM_UP_CALLS,
    state,
    cacheState:
      state === "hot"
        ? "files in the system's cache and in the process's reach"
        : "files dropped from the system's cache",
    contestants,
    baseline: "resident",
    checked: "the likeliest next tokens after the last step, equal on all tiers",
    priority,
    async prepare() {
      await shared.write();
      const tokens = context.shelf.callsFile("offload-tokens", stepTokens(shared.tokens, sequences));
      const own = (name: string, uri: string, folder: string, demand = false): CellContestant => {
        const given: OffloadContestantOptions = {
          spec: shared.specFile,
          engine: context.engine,
          uri,
          tokens,
          sequences,
          onDemand: demand,
        };
        return {
          name,
          kind: "tier",
          command: [process.execPath, PROGRAM, JSON.stringify(given)],
          env: { UV_THREADPOOL_SIZE: `${READ_THREADS}` },
          files: () => (name === "resident" ? [] : filesBelow(folder)),
        };
      };
      const { file, lmdb } = folders;
      contestants.push(
        own("resident", `dram:file:${file}`, file),
        own("file, read ahead", `file:${file}`, file),
        own("file, on demand", `file:${file}`, file, true),
        own("lmdb, read ahead", `lmdb:${lmdb}`, lmdb),
        own("lmdb, on demand", `lmdb:${lmdb}`, lmdb, true),
      );
    },
  };
}

/** Steps that compile code: the same few tokens again and again, which touch little of the tables. */
const WARM_UP_CALLS = 48;
const WARM_UP_TOKENS = 4;

/** Tokens of each step, `[calls, sequences]`: warm-up first, then each sequence goes on through its own part of the trace. */
function stepTokens(tokens: Uint32Array, sequences: number): Uint32Array {
  const part = Math.floor(tokens.length / sequences);
  const steps = new Uint32Array((WARM_UP_CALLS + part) * sequences);
  for (let call = 0; call < WARM_UP_CALLS + part; call++) {
    for (let s = 0; s < sequences; s++) {
      const from = call < WARM_UP_CALLS ? call % WARM_UP_TOKENS : s * part + call - WARM_UP_CALLS;
      steps[call * sequences + s] = tokens[from] ?? 0; // from < length
    }
  }
  return steps;
}
