// The suite `offload`: tokens a second of whole decode steps with the rows on each tier, against rows resident in memory, with
// reading ahead and without, rows hot, warm and cold. How much a tier costs depends on how long the engine computes
// meanwhile, so the figures are of this engine and this model, and say so.

import { fileURLToPath } from "node:url";
import type { CacheState, CellContestant, CellPlan } from "../cells/cell-plan.js";
import type { OffloadContestantOptions } from "../cells/offload-contestant.js";
import { filesBelow } from "../cells/row-table.js";
import { canDropFiles } from "../machine/page-cache.js";
import { shortCount } from "../report/numbers.js";
import { type OffloadModel, offloadModel } from "./offload-models.js";
import { type Suite, type SuiteContext, unlessItFails } from "./suite.js";
import { READ_THREADS } from "./tier-contestants.js";

const PROGRAM = fileURLToPath(new URL("../../dist/cells/offload-contestant.js", import.meta.url));

/** The engine that the larger model runs on where the user names none. */
const ENGINE = "ggml";

/** What each state means. */
const STATES: Readonly<Record<CacheState, string>> = {
  hot: "files in the system's cache and in the process's reach",
  warm: "files in the system's cache, rows not read before by the process",
  cold: "files dropped from the system's cache",
};

/** The suite. */
export const offloadSuite: Suite = {
  name: "offload",
  description: "tokens a second with rows on each tier against rows resident, with and without read-ahead",
  plan(context) {
    const given = context.engine === "reference" ? ENGINE : context.engine;
    const larger = offloadModel("gqa-35m", context);
    const small = offloadModel("tiny", context);
    const dropping = canDropFiles();
    const states: CacheState[] = dropping ? ["cold", "hot", "warm"] : ["hot", "warm"];
    const few: CacheState[] = dropping ? ["hot", "cold"] : ["hot"];
    const sequences = context.quick ? [1] : [1, 8];
    const cells = sequences.flatMap((count, i) => [
      ...states.map((state, k) => offloadCell(larger, given, { sequences: count, state, priority: i + k }, context)),
      ...few.map((state, k) =>
        offloadCell(small, "reference", { sequences: count, state, priority: 1 + i + k }, context),
      ),
    ]);
    return { cells };
  },
};

interface Steps {
  readonly sequences: number;
  readonly state: CacheState;
  readonly priority: number;
}

function offloadCell(
  model: OffloadModel,
  engine: string,
  { sequences, state, priority }: Steps,
  context: SuiteContext,
): CellPlan {
  const { name: preset, rows, rowBytes, rowsPerToken } = model;
  const contestants: CellContestant[] = [];
  const id = `offload/${engine}/${preset}/${state}/${sequences}`;
  return {
    id,
    suite: "offload",
    title: `decode steps of ${preset} on ${engine}, ${sequences} ${sequences === 1 ? "sequence" : "sequences"}, ${rowsPerToken} of ${shortCount(rows)} rows of ${rowBytes} bytes a token, ${state}`,
    labels: { engine, preset, state, sequences, rows, rowBytes, rowsPerToken },
    unit: "token",
    unitsPerCall: sequences,
    listedCalls: WARM_UP_CALLS + Math.floor(model.tokens.length / sequences),
    warmUpCalls: WARM_UP_CALLS,
    calls: CALLS,
    state,
    cacheState: STATES[state],
    contestants,
    baseline: "resident",
    checked: "the likeliest next tokens after the last step, equal on all tiers",
    priority,
    async prepare() {
      await model.write();
      const tokens = context.shelf.callsFile("offload-tokens", stepTokens(model.tokens, sequences));
      const { file, lmdb, s3 } = model.tables;
      const given = { spec: model.specFile, engine, tokens, sequences };
      contestants.push(
        contestant("resident", { ...given, uri: `dram:${file}` }),
        ...both("file", { ...given, uri: file }),
        ...both("lmdb", { ...given, uri: lmdb }),
        // an object store is asked for few rows, and never while others are hot
        ...(await unlessItFails(context, `s3 in ${id}`, async () => {
          if (s3 === undefined || state !== "cold") return [];
          await model.writeFar();
          return both("s3", { ...given, uri: s3 });
        })),
      );
    },
  };
}

function both(name: string, options: OffloadContestantOptions): CellContestant[] {
  return [contestant(`${name}, read ahead`, options), contestant(`${name}, on demand`, { ...options, onDemand: true })];
}

function contestant(name: string, options: OffloadContestantOptions): CellContestant {
  const [, scheme, path = ""] = /^(\w+):(.*)$/.exec(options.uri) ?? [];
  return {
    name,
    kind: "tier",
    command: [process.execPath, PROGRAM, JSON.stringify(options)],
    env: { UV_THREADPOOL_SIZE: `${READ_THREADS}` },
    files: () => (scheme === "file" || scheme === "lmdb" ? filesBelow(path) : []),
  };
}

/** Steps of a round. */
const CALLS = 16;
/** Steps that compile code: the same few tokens again and again, which touch little of the tables. */
const WARM_UP_CALLS = 24;
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
