// Runs one cell: fresh processes of every contestant, a warm-up, then rounds in alternating order, what they give checked
// before and after, and an open loop where latency is asked for. Gives raw times; verdicts are said by cell-report.ts.

import { dropFiles, readFiles } from "../machine/page-cache.js";
import type { CellReport, LeftOut } from "../report/report.js";
import { type OpenLoopLatency, openLoopLatency } from "../statistics/arrivals.js";
import { median } from "../statistics/quantiles.js";
import type { CellContestant, CellPlan } from "./cell-plan.js";
import { cellReport, type MeasuredContestant } from "./cell-report.js";
import { type RunningContestant, startProcess } from "./process.js";
import type { RoundAnswer, RoundRequest } from "./request.js";

/** How much is measured. */
export interface CellEffort {
  /** Fresh processes of each contestant. */
  readonly processes: number;
  /** Rounds of each process, after one that warms up. */
  readonly rounds: number;
  /** What a round of the quickest contestant shall take, in milliseconds. */
  readonly roundMs: number;
  /** What an open loop shall take, in milliseconds. */
  readonly openLoopMs: number;
  /** `performance.now()` after which no other process is started, one at least done. */
  readonly until?: number;
}

/** A cell's report, and who was left out. */
export interface CellOutcome {
  readonly report: CellReport | undefined;
  readonly leftOut: readonly LeftOut[];
}

/** Share of what a contestant can do that arrives in an open loop. */
const OFFERED_SHARE = 0.5;
const MOST_CALLS = 20_000;
/** Rounds that count, at least, where the time runs out. */
const LEAST_ROUNDS = 3;
/** Processor time of a contestant before anything counts. */
const WARM_UP_MS = 40;

/**
 * Runs a cell.
 * @throws Error where a contestant gives what it must not: no figure of the cell counts then.
 */
export async function runCell(plan: CellPlan, effort: CellEffort): Promise<CellOutcome> {
  await plan.prepare?.();
  const left = new Map<string, LeftOut>();
  const measured = new Map<string, MeasuredContestant>();
  let calls = plan.calls;
  // A round that is not hot needs a process that has not read its rows: as many processes as there would be rounds.
  const fresh = plan.state !== "hot";
  const processes = fresh ? Math.max(effort.processes, effort.rounds) : (plan.processes ?? effort.processes);
  for (let process = 0; process < processes; process++) {
    if (process > 0 && effort.until !== undefined && performance.now() > effort.until) break;
    const order = process % 2 === 0 ? plan.contestants : plan.contestants.toReversed();
    const present = order.filter(({ name }) => !left.has(name));
    if (fresh) {
      for (const contestant of present) {
        calls = await freshRound(plan, contestant, { process, calls, effort }, measured, left);
      }
      continue;
    }
    // Side by side: starting is not timed, and takes longer than what is.
    const started = await Promise.all(present.map((contestant) => startOrLeaveOut(contestant, plan, left)));
    const running = started.filter((one) => one !== undefined);
    try {
      const fitting = await warmUp(running, effort.roundMs);
      calls ??= fitting;
      await hotRounds(plan, running, { process, calls, effort }, measured);
    } finally {
      await Promise.all(running.map((one) => one.close()));
    }
  }
  plan.finish?.();
  const report = measured.size === 0 ? undefined : cellReport(plan, calls ?? 1, [...measured.values()]);
  return { report, leftOut: [...left.values()] };
}

interface ProcessRound {
  readonly process: number;
  readonly calls: number;
  readonly effort: CellEffort;
}

async function hotRounds(
  plan: CellPlan,
  running: readonly RunningContestant[],
  { process, calls, effort }: ProcessRound,
  measured: Map<string, MeasuredContestant>,
): Promise<void> {
  // Round 0 warms up and is checked, and so is the last; each reads on where the one before it ended.
  for (let round = 0, last = false; round <= effort.rounds && !last; round++) {
    last =
      round === effort.rounds ||
      (round >= LEAST_ROUNDS && performance.now() > (effort.until ?? Number.POSITIVE_INFINITY));
    const check = round === 0 || last ? 1 : 0;
    const firstCall = ((process * (effort.rounds + 1) + round) * calls) % plan.listedCalls;
    const request: RoundRequest = { firstCall, calls, check, perSecond: 0, seed: 0 };
    const sums = new Map<string, number>();
    for (const contestant of round % 2 === 0 ? running : running.toReversed()) {
      const answer = await contestant.ask(request);
      if (answer.checksum !== undefined && check === 1) sums.set(contestant.name, answer.checksum);
      if (round > 0) keep(measured, plan, contestant, process, answer);
    }
    checkSums(plan, request, sums);
  }
  if (plan.latency !== true || process > 0) return;
  for (const contestant of running) {
    const known = plan.contestants.find(({ name }) => name === contestant.name);
    const own = measured.get(contestant.name);
    if (known?.openLoop !== true || own === undefined) continue;
    own.latency = await openLoop(plan, contestant, median(own.ns[process] ?? []) / calls, effort.openLoopMs);
  }
}

/** Calls arrive at half the rate that the contestant has just kept up. */
async function openLoop(
  plan: CellPlan,
  contestant: RunningContestant,
  nsPerCall: number,
  ms: number,
): Promise<OpenLoopLatency> {
  const perSecond = (OFFERED_SHARE * 1e9) / nsPerCall;
  const calls = Math.max(20, Math.min(MOST_CALLS, Math.floor((perSecond * ms) / 1_000)));
  const { latencyNs = [] } = await contestant.ask({
    firstCall: Math.floor(plan.listedCalls / 3),
    calls,
    check: 0,
    perSecond,
    seed: 7,
  });
  return openLoopLatency(latencyNs, perSecond);
}

/** Starts one, compiles its code on a few of the list's calls, brings its files into the state asked for, asks once. */
async function freshRound(
  plan: CellPlan,
  contestant: CellContestant,
  { process, calls: given, effort }: { process: number; calls: number | undefined; effort: CellEffort },
  measured: Map<string, MeasuredContestant>,
  left: Map<string, LeftOut>,
): Promise<number | undefined> {
  const files = contestant.files?.() ?? [];
  const setState = () => (plan.state === "cold" ? dropFiles(files) : readFiles(files));
  const one = await startOrLeaveOut(contestant, plan, left);
  if (one === undefined) return given;
  try {
    const warmUpCalls = plan.warmUpCalls ?? Math.max(1, Math.floor(plan.listedCalls / 20));
    setState();
    await one.ask({ firstCall: 0, calls: warmUpCalls, check: 0, perSecond: 0, seed: 0 });
    setState();
    const calls = given ?? (await freshCalls(plan, one, warmUpCalls, effort.roundMs));
    const residentShare = setState();
    // Each process begins at another place after the calls that warmed it up.
    const span = Math.max(1, plan.listedCalls - warmUpCalls - calls);
    const firstCall = warmUpCalls + ((process * calls) % span);
    const request: RoundRequest = { firstCall, calls, check: 1, perSecond: 0, seed: 0 };
    const answer = await one.ask(request);
    if (answer.checksum !== undefined) checkSums(plan, request, new Map([[contestant.name, answer.checksum]]));
    keep(measured, plan, one, process, answer);
    const own = measured.get(contestant.name);
    if (own !== undefined) own.residentShare = Math.max(own.residentShare ?? 0, residentShare ?? 0);
    return calls;
  } finally {
    await one.close();
  }
}

/** Calls that take a contestant about so long, by asking for a few at the list's end. */
async function freshCalls(plan: CellPlan, one: RunningContestant, warmUpCalls: number, ms: number): Promise<number> {
  const few = Math.max(1, Math.min(4, plan.listedCalls - warmUpCalls));
  const { ns } = await one.ask({ firstCall: plan.listedCalls - few, calls: few, check: 0, perSecond: 0, seed: 0 });
  const most = Math.max(1, Math.floor((plan.listedCalls - warmUpCalls) / 3));
  return Math.max(1, Math.min(most, Math.round((ms * 1e6 * few) / ns)));
}

/**
 * Has every contestant run for a while, so that its code is compiled, on rows that count later too.
 * @returns calls that take the first of them about so long.
 */
async function warmUp(running: readonly RunningContestant[], ms: number): Promise<number> {
  let fitting = 1;
  for (const [i, one] of running.entries()) {
    let [calls, spent, last] = [1, 0, 0];
    const start = performance.now();
    while (spent < WARM_UP_MS && performance.now() - start < 10 * WARM_UP_MS) {
      const { ns, cpuNs = ns } = await one.ask({ firstCall: 0, calls, check: 0, perSecond: 0, seed: 0 });
      last = cpuNs / 1e6 / calls;
      spent += cpuNs / 1e6;
      calls = Math.max(1, Math.min(MOST_CALLS, Math.ceil(WARM_UP_MS / 5 / Math.max(last, 1e-4))));
    }
    if (i === 0) fitting = Math.max(1, Math.min(MOST_CALLS, Math.round(ms / Math.max(last, 1e-4))));
  }
  return fitting;
}

async function startOrLeaveOut(
  contestant: CellContestant,
  plan: CellPlan,
  left: Map<string, LeftOut>,
): Promise<RunningContestant | undefined> {
  try {
    return await startProcess(contestant.name, contestant);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    left.set(contestant.name, { what: `${contestant.name} in ${plan.id}`, why });
    return undefined;
  }
}

function keep(
  measured: Map<string, MeasuredContestant>,
  plan: CellPlan,
  { name, version }: RunningContestant,
  process: number,
  { ns, cpuNs, hits }: RoundAnswer,
): void {
  const kind = plan.contestants.find((one) => one.name === name)?.kind ?? "peer";
  const own: MeasuredContestant = measured.get(name) ?? { name, kind, version, ns: [], cpuNs: [] };
  measured.set(name, own);
  own.ns[process] = [...(own.ns[process] ?? []), ns];
  if (cpuNs !== undefined) own.cpuNs[process] = [...(own.cpuNs[process] ?? []), cpuNs];
  if (hits !== undefined) own.hits = hits;
}

function checkSums(plan: CellPlan, request: RoundRequest, sums: ReadonlyMap<string, number>): void {
  const expected = plan.expected?.(request.firstCall, request.calls);
  for (const [name, sum] of sums) {
    const right = expected ?? sums.values().next().value;
    if (sum === right) continue;
    throw new Error(
      `${plan.id}: ${name} gave what has the checksum ${sum}, not ${right}; no figure of this cell counts`,
    );
  }
}
