// The suite `tiers`: rows out of every store and stack, as decode, drafts and prefill ask for them, hot, warm and cold, one
// sequence to many, for the rows of each preset, in tables of several sizes. In each cell the same rows of the same trace
// are read by every tier and by the peers that this machine has.

import { tableInfo } from "@engram-ts/core";
import type { CacheState, CellContestant, CellPlan } from "../cells/cell-plan.js";
import { expectedChecksum } from "../cells/table-words.js";
import { canDropFiles } from "../machine/page-cache.js";
import { shortCount } from "../report/numbers.js";
import { type CallRows, callTokens, sizedAddressing, traceCalls, uniformCalls } from "../traces/trace-rows.js";
import type { RowWorkload } from "./row-workload.js";
import type { Suite, SuiteContext } from "./suite.js";
import { rowContestants } from "./tier-contestants.js";

/** What each state means. */
const STATES: Readonly<Record<CacheState, string>> = {
  hot: "every row of the trace read before by the same process",
  warm: "files in the system's cache, rows not read before by the process",
  cold: "files dropped from the system's cache, rows not read before by the process",
};

/** The suite. */
export const tiersSuite: Suite = {
  name: "tiers",
  description: "rows out of every store and stack: decode, drafts, prefill; hot, warm, cold; against peers",
  plan(context) {
    const cells = workloads(context).map((workload) => rowCell("tiers", workload, context));
    return { cells };
  },
};

function workloads(context: SuiteContext): RowWorkload[] {
  const [preset = "deepseek-v4.1-flash", ...otherPresets] = context.presets;
  const [rows = 2 ** 20, ...otherRows] = context.rows;
  const sized = sizedAddressing(preset, rows);
  const states: CacheState[] = canDropFiles() ? ["hot", "cold", "warm"] : ["hot", "warm"];
  if (states.length === 2) {
    context.leaveOut({ what: "cold cells", why: "this system has no dd and fincore to empty its cache of files by" });
  }
  const list: RowWorkload[] = [];
  const add = (workload: RowWorkload) => list.push(workload);
  for (const sequences of context.sequences) {
    add({ access: "decode", state: "hot", sequences, sized, priority: sequences === 1 ? 0 : 2 });
  }
  add({ access: "prefill", state: "hot", sequences: 1, sized, priority: 1 });
  add({ access: "draft", state: "hot", sequences: 1, sized, priority: 3 });
  for (const state of states.slice(1)) {
    add({ access: "decode", state, sequences: 1, sized, priority: state === "cold" ? 1 : 4 });
    add({ access: "prefill", state, sequences: 1, sized, priority: 5 });
    if (context.quick) continue;
    add({ access: "draft", state, sequences: 1, sized, priority: 6 });
    for (const sequences of context.sequences.slice(1)) add({ access: "decode", state, sequences, sized, priority: 7 });
  }
  for (const other of otherRows) {
    add({ access: "decode", state: "hot", sequences: 1, sized: sizedAddressing(preset, other), priority: 1 });
  }
  for (const other of otherPresets) {
    const ofOther = sizedAddressing(other, rows);
    for (const state of states) add({ access: "decode", state, sequences: 1, sized: ofOther, priority: 5 });
    add({ access: "prefill", state: "hot", sequences: 1, sized: ofOther, priority: 6 });
  }
  return list;
}

/** Who takes part in a cell about rows, where it is not everyone. */
export interface RowCast {
  /** Part of the cell's id and title. */
  readonly name?: string;
  readonly baseline: string;
  /** What the state of caches is, where there are no files. */
  readonly cacheState?: string;
  /** Calls that compile code, where each takes long. */
  readonly warmUpCalls?: number;
  contestants(calls: { readonly ids: string; readonly count: number }): Promise<readonly CellContestant[]>;
  finish?(): void;
}

function everyone(workload: RowWorkload, context: SuiteContext): RowCast {
  return {
    baseline: workload.state === "hot" ? "JS loop" : "readSync loop",
    contestants: (calls) => rowContestants(workload, calls, context),
  };
}

/** A cell about rows, for this suite and others. Its lists of rows are made when it runs, and given up after. */
export function rowCell(
  suite: string,
  workload: RowWorkload,
  context: SuiteContext,
  cast: RowCast = everyone(workload, context),
): CellPlan {
  const { access, state, sequences, sized, priority } = workload;
  const { rows, encoding, preset, rowsPerToken } = sized;
  const { rowBytes } = tableInfo({ rows, encoding });
  const count = sequences * callTokens(access, sequences, context.trace.ids.length) * rowsPerToken;
  const contestants: CellContestant[] = [];
  const { warmUpCalls = WARM_UP_CALLS } = cast;
  const name = cast.name === undefined ? [] : [cast.name];
  let list: CallRows = { ids: new Uint32Array(0), count, calls: 1 };
  return {
    id: [suite, ...name, access, state, preset, rows, sequences].join("/"),
    suite,
    title: `${name.map((one) => `${one}: `)}${access}, ${sequences} ${sequences === 1 ? "sequence" : "sequences"}, ${state}: ${shortCount(count)} of ${shortCount(rows)} rows of ${rowBytes} bytes`,
    labels: {
      ...(cast.name === undefined ? {} : { store: cast.name }),
      access,
      state,
      sequences,
      preset,
      encoding: encoding.kind,
      rowBytes,
      rows,
      rowsPerToken,
      count,
    },
    unit: "row",
    unitsPerCall: count,
    get listedCalls() {
      return list.calls;
    },
    ...(state === "hot" ? {} : { warmUpCalls }),
    latency: access === "decode" && cast.name === undefined && (!context.quick || (sequences === 1 && priority < 2)),
    state,
    cacheState: cast.cacheState ?? STATES[state],
    contestants,
    baseline: cast.baseline,
    limitMs: (rows * rowBytes) / LEAST_BYTES_PER_MS,
    expected: (firstCall, calls) => {
      const last = (firstCall + calls - 1) % list.calls;
      return expectedChecksum(list.ids.subarray(last * count, (last + 1) * count), rowBytes);
    },
    checked: "the rows of the last call of the first and of the last round, by a checksum computed from row ids alone",
    priority,
    async prepare() {
      const traced = traceCalls(sized, context.trace, context.tokenizer, { kind: access, sequences });
      list = context.uniform ? uniformCalls(traced, rows, 11) : traced;
      if (state !== "hot") list = withWarmUp(list, warmUpCalls);
      const ids = context.shelf.callsFile("calls", list.ids);
      contestants.push(...(await cast.contestants({ ids, count })));
    },
    finish() {
      list = { ids: new Uint32Array(0), count, calls: list.calls };
      cast.finish?.();
    },
  };
}

/** Who loads a table is waited for, as from a slow disk. */
const LEAST_BYTES_PER_MS = 20_000;
const WARM_UP_CALLS = 60;
/** The part of the table that warming up may touch: the system reads ahead, and keeps what is mapped. */
const WARM_UP_SHARE = 64;

/** The calls after some that read the table's first rows alone. */
function withWarmUp({ ids, count, calls }: CallRows, warmUpCalls: number): CallRows {
  const warmUp = Uint32Array.from({ length: warmUpCalls * count }, (_, i) =>
    Math.floor((ids[i % ids.length] ?? 0) / WARM_UP_SHARE),
  );
  const all = new Uint32Array(warmUp.length + ids.length);
  all.set(warmUp);
  all.set(ids, warmUp.length);
  return { ids: all, count, calls: calls + warmUpCalls };
}
