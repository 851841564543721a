// Rounds of a cell whose rows were not read before: a process is started for each, compiles its code on a few calls that touch
// little of the table, has its files brought into the state asked for, and is asked once.

import { dropFiles, readFiles } from "../machine/page-cache.js";
import type { CellContestant } from "./cell-plan.js";
import { ask, type CellRun, checkSums, keep, present, start } from "./cell-run.js";
import { measureLatency } from "./open-loop.js";
import type { RunningContestant } from "./process.js";
import type { RoundRequest } from "./request.js";
import { turnOrder } from "./turns.js";

/** Calls of a round: the first after files were dropped pays for more than its rows; of long ones that is a small part. */
const LEAST_CALLS = 8;
const LONG_CALL_NS = 1e8;
/** Calls of an open loop on rows that are read once. */
const MOST_ARRIVALS = 4_000;

/** Runs a process of each contestant, one after the other. @returns calls of a round, as {@link hotProcess}. */
export async function freshProcess(
  run: CellRun,
  process: number,
  given: number | undefined,
): Promise<number | undefined> {
  let calls = given;
  for (const contestant of present(run, turnOrder(run.plan.contestants, process))) {
    calls = await freshRound(run, contestant, process, calls);
  }
  return calls;
}

async function freshRound(
  run: CellRun,
  contestant: CellContestant,
  process: number,
  given: number | undefined,
): Promise<number | undefined> {
  const { plan, effort, measured } = run;
  const one = await start(run, contestant);
  if (one === undefined) return given;
  const files = contestant.files?.() ?? [];
  const setState = () => (plan.state === "cold" ? dropFiles(files) : readFiles(files));
  try {
    const warmUpCalls = plan.warmUpCalls ?? Math.max(1, Math.floor(plan.listedCalls / 20));
    setState();
    const warm = await ask(run, one, { firstCall: 0, calls: warmUpCalls, check: 0, perSecond: 0, seed: 0 });
    if (warm === undefined) return given;
    setState();
    const calls = given ?? (await freshCalls(run, one, warmUpCalls, effort.roundMs));
    if (calls === undefined) return given;
    const residentShare = setState();
    // Each process begins at another place after the calls that warmed it up.
    const span = Math.max(1, plan.listedCalls - warmUpCalls - calls);
    const firstCall = warmUpCalls + ((process * calls) % span);
    const request: RoundRequest = { firstCall, calls, check: 1, perSecond: 0, seed: 0 };
    const answer = await ask(run, one, request);
    if (answer === undefined) return calls;
    if (answer.checksum !== undefined) checkSums(run, request, new Map([[contestant.name, answer.checksum]]));
    keep(run, one, process, answer);
    const own = measured.get(contestant.name);
    if (own !== undefined) own.residentShare = Math.max(own.residentShare ?? 0, residentShare ?? 0);
    setState(); // the calls that arrive now are those after, and unread as well
    const next = firstCall + calls;
    const mostCalls = Math.min(MOST_ARRIVALS, plan.listedCalls - next);
    await measureLatency(run, one, { nsPerCall: answer.ns / calls, firstCall: next, mostCalls });
    return calls;
  } finally {
    await one.close();
  }
}

/** Calls that take a contestant about so long, by asking for a few at the list's end; undefined where it fails. */
async function freshCalls(
  run: CellRun,
  one: RunningContestant,
  warmUpCalls: number,
  ms: number,
): Promise<number | undefined> {
  const { listedCalls } = run.plan;
  const few = Math.max(1, Math.min(4, listedCalls - warmUpCalls));
  const answer = await ask(run, one, { firstCall: listedCalls - few, calls: few, check: 0, perSecond: 0, seed: 0 });
  if (answer === undefined) return undefined;
  const most = Math.max(1, Math.floor((listedCalls - warmUpCalls) / 3));
  const nsPerCall = answer.ns / few;
  const least = nsPerCall < LONG_CALL_NS ? LEAST_CALLS : 1;
  return Math.min(most, Math.max(least, Math.round((ms * 1e6) / nsPerCall)));
}
