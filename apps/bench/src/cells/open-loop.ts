// Latency of a contestant in a cell: calls arrive at random, at half the rate that it has just kept up, and are timed from
// their arrival (statistics/arrivals.ts).

import { openLoopLatency } from "../statistics/arrivals.js";
import { ask, type CellRun } from "./cell-run.js";
import type { RunningContestant } from "./process.js";

/** Share of what a contestant can do that arrives. */
const OFFERED_SHARE = 0.5;
const LEAST_CALLS = 20;

/** What it has shown before, and which calls are to arrive. */
export interface LatencyOptions {
  readonly nsPerCall: number;
  readonly firstCall: number;
  /** Of the list, there are no more. */
  readonly mostCalls: number;
}

/** Measures it, where the plan asks for it and the contestant can; what was measured before is not measured again. */
export async function measureLatency(
  run: CellRun,
  contestant: RunningContestant,
  { nsPerCall, firstCall, mostCalls }: LatencyOptions,
): Promise<void> {
  const { plan, effort, measured } = run;
  const known = plan.contestants.find(({ name }) => name === contestant.name);
  const own = measured.get(contestant.name);
  if (plan.latency !== true || known?.openLoop !== true || own === undefined || own.latency !== undefined) return;
  const perSecond = (OFFERED_SHARE * 1e9) / nsPerCall;
  const wanted = Math.max(LEAST_CALLS, Math.floor((perSecond * effort.openLoopMs) / 1_000));
  const calls = Math.min(wanted, mostCalls);
  if (calls < LEAST_CALLS) return;
  const answer = await ask(run, contestant, { firstCall, calls, check: 0, perSecond, seed: 7 });
  if (answer !== undefined) own.latency = openLoopLatency(answer.latencyNs ?? [], perSecond);
}
