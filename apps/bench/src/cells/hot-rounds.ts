// Rounds of a cell whose rows were all read before: every contestant's process runs beside the others, and they take their
// rounds in alternating order, as many as the time allows.

import { median } from "../statistics/quantiles.js";
import { ask, type CellRun, checkSums, keep, present, start } from "./cell-run.js";
import { measureLatency } from "./open-loop.js";
import type { RunningContestant } from "./process.js";
import type { RoundRequest } from "./request.js";
import { turnOrder } from "./turns.js";

const MOST_CALLS = 20_000;
/** Rounds that count, at least, where the time runs out and is not far over. */
const LEAST_ROUNDS = 3;
/** Processor time of a contestant before anything counts. */
const WARM_UP_MS = 40;

/**
 * Runs a process of each contestant.
 * @returns calls of a round: as given, or as many as take the first of them the time of a round.
 */
export async function hotProcess(
  run: CellRun,
  process: number,
  given: number | undefined,
): Promise<number | undefined> {
  const { plan, effort } = run;
  // Side by side: starting is not timed, and takes longer than what is.
  const order = present(run, turnOrder(plan.contestants, process));
  const started = await Promise.allSettled(order.map((contestant) => start(run, contestant)));
  const running = started.flatMap((one) => (one.status === "fulfilled" && one.value !== undefined ? [one.value] : []));
  try {
    for (const one of started) if (one.status === "rejected") throw one.reason;
    const fitting = await warmUp(run, running, effort.roundMs);
    const calls = given ?? fitting;
    await rounds(run, running, process, calls);
    for (const one of process === 0 ? present(run, running) : []) {
      const nsPerCall = median(run.measured.get(one.name)?.ns[0] ?? []) / calls;
      await measureLatency(run, one, { nsPerCall, firstCall: Math.floor(plan.listedCalls / 3), mostCalls: MOST_CALLS });
    }
    return calls;
  } finally {
    await Promise.all(running.map((one) => one.close()));
  }
}

async function rounds(
  run: CellRun,
  running: readonly RunningContestant[],
  process: number,
  calls: number,
): Promise<void> {
  const { plan, effort } = run;
  const { until = Number.POSITIVE_INFINITY } = effort;
  // Round 0 warms up and is checked, and so is the last; each reads on where the one before it ended.
  let roundMs = 0;
  for (let round = 0, last = false; round <= effort.rounds && !last; round++) {
    const now = performance.now();
    const wanted = now + LEAST_ROUNDS * roundMs > until ? 1 : LEAST_ROUNDS; // rounds so long that few are all there can be
    last = round === effort.rounds || (round >= wanted && now + 2 * roundMs > until);
    const check = round === 0 || last ? 1 : 0;
    const firstCall = ((process * (effort.rounds + 1) + round) * calls) % plan.listedCalls;
    const request: RoundRequest = { firstCall, calls, check, perSecond: 0, seed: 0 };
    const sums = new Map<string, number>();
    for (const contestant of present(run, turnOrder(running, round))) {
      const answer = await ask(run, contestant, request);
      if (answer?.checksum !== undefined && check === 1) sums.set(contestant.name, answer.checksum);
      if (answer !== undefined && round > 0) keep(run, contestant, process, answer);
    }
    checkSums(run, request, sums);
    roundMs = performance.now() - now;
  }
}

/**
 * Has every contestant run for a while, so that its code is compiled, on rows that count later too.
 * @returns calls that take the first of them about so long.
 */
async function warmUp(run: CellRun, running: readonly RunningContestant[], ms: number): Promise<number> {
  let fitting: number | undefined;
  for (const one of running) {
    let [calls, spent, last] = [1, 0, 0];
    const begun = performance.now();
    while (spent < WARM_UP_MS && performance.now() - begun < 10 * WARM_UP_MS) {
      const answer = await ask(run, one, { firstCall: 0, calls, check: 0, perSecond: 0, seed: 0 });
      if (answer === undefined) break;
      const { ns, cpuNs = ns } = answer;
      last = cpuNs / 1e6 / calls;
      spent += cpuNs / 1e6;
      calls = Math.max(1, Math.min(MOST_CALLS, Math.ceil(WARM_UP_MS / 5 / Math.max(last, 1e-4))));
    }
    if (spent > 0) fitting ??= Math.max(1, Math.min(MOST_CALLS, Math.round(ms / Math.max(last, 1e-4))));
  }
  return fitting ?? 1;
}
