// Whether the harness tells on this machine what it must: a store that does twice the work is a regression, and the same
// store again is not. Repeated, because being right once says little. The stores are in memory, so they are judged by time
// of the processor, which other programs on the machine lengthen less than time by the clock.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContestantReport } from "../report/report.js";
import { pairedRatio, type RatioInterval } from "../statistics/paired-ratio.js";
import { seeded } from "../statistics/seeded.js";
import { VERDICT_LEVEL, type Verdict, verdictOf } from "../statistics/verdict.js";
import { tierContestant } from "../suites/tier-contestants.js";
import { sizedAddressing } from "../traces/trace-rows.js";
import type { CellPlan } from "./cell-plan.js";
import { writeTable } from "./row-table.js";
import { runCell } from "./run-cell.js";
import { expectedChecksum } from "./table-words.js";

/** One repetition's calls. */
export interface Calibration {
  readonly itself: RatioInterval & { readonly verdict: Verdict };
  readonly slowed: RatioInterval & { readonly verdict: Verdict };
}

/** How it is tried. */
export interface CalibrateOptions {
  readonly repetitions: number;
  readonly timesSlower: number;
  /** Fresh processes of each. Default 7: a store is called different where all seven are, beyond the threshold and one way. */
  readonly processes?: number;
  readonly rounds?: number;
  readonly roundMs?: number;
}

const ROWS = 2 ** 14;
const COUNT = 24;
const CALLS = 2_048;
const ROW_BYTES = 264;

/** Runs the three, `repetitions` times, and gives each time's verdicts on the second and on the slowed one. */
export async function calibrate(options: CalibrateOptions, told?: (one: Calibration) => void): Promise<Calibration[]> {
  const { repetitions, timesSlower, processes = 7, rounds = 6, roundMs = 6 } = options;
  const folder = mkdtempSync(join(tmpdir(), "engram-calibrate-"));
  try {
    const sized = sizedAddressing("deepseek-v4.1-flash", ROWS);
    const table = join(folder, "table");
    await writeTable(`file:${table}`, sized);
    const random = seeded(3);
    const list = Uint32Array.from({ length: COUNT * CALLS }, () => Math.floor(random() * sized.rows));
    const ids = join(folder, "calls.u32");
    writeFileSync(ids, list);
    const given = { uri: `dram:file:${table}`, layer: sized.layer, ids, count: COUNT, touch: true };
    const plan: CellPlan = {
      id: "calibrate",
      suite: "calibrate",
      title: "a store against itself and against itself slowed",
      labels: {},
      unit: "row",
      unitsPerCall: COUNT,
      listedCalls: CALLS,
      state: "hot",
      cacheState: "every row read before",
      contestants: [
        tierContestant("store", given),
        tierContestant("the same", given),
        tierContestant("slowed", { ...given, timesSlower }),
      ],
      baseline: "store",
      expected: (first, calls) => {
        const last = (first + calls - 1) % CALLS;
        return expectedChecksum(list.subarray(last * COUNT, (last + 1) * COUNT), ROW_BYTES);
      },
      checked: "by checksum",
      priority: 0,
    };
    const found: Calibration[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const { report } = await runCell(plan, { processes, rounds, roundMs, openLoopMs: 0 });
      const [store, same, slow] = report?.contestants ?? [];
      if (store === undefined || same === undefined || slow === undefined)
        throw new Error("a contestant did not start");
      const judged = ({ cpuNs = [] }: ContestantReport) => {
        const ratio = pairedRatio(cpuNs, store.cpuNs ?? [], VERDICT_LEVEL);
        return { ...ratio, verdict: verdictOf(ratio, { least: Math.min(3, processes) }) };
      };
      const one = { itself: judged(same), slowed: judged(slow) };
      found.push(one);
      told?.(one);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Repetitions in which a call was wrong. */
export function wrongCalls(calibrations: readonly Calibration[]): { itself: number; slowed: number } {
  return {
    itself: calibrations.filter(({ itself }) => itself.verdict !== "inconclusive").length,
    slowed: calibrations.filter(({ slowed }) => slowed.verdict !== "regression").length,
  };
}
