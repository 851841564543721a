// How a contestant in Node runs the calls of a round: one after the other (closed loop, for throughput), or as they arrive
// (open loop, for latency). A call gives a promise only where it has to wait: awaiting one costs more than a hot read.

import { arrivalTimes } from "../statistics/arrivals.js";
import type { RoundAnswer, RoundRequest } from "./request.js";

/** Runs call `index` of the list; `slot` is a place for its output that no other call under way uses. */
export type Call = (index: number, slot: number) => Promise<void> | undefined;

/** Runs a round. */
export async function runRound(call: Call, listed: number, request: RoundRequest): Promise<RoundAnswer> {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const latencyNs = request.perSecond > 0 ? await openLoop(call, listed, request) : undefined;
  if (latencyNs === undefined) {
    const { firstCall, calls } = request;
    for (let i = 0; i < calls; i++) {
      const waiting = call((firstCall + i) % listed, 0);
      if (waiting !== undefined) await waiting;
    }
  }
  const ns = Number(process.hrtime.bigint() - start);
  const { user, system } = process.cpuUsage(cpu); // microseconds
  return { ns, cpuNs: (user + system) * 1_000, ...(latencyNs === undefined ? {} : { latencyNs }) };
}

const MOST_UNDER_WAY = 64;

async function openLoop(call: Call, listed: number, request: RoundRequest): Promise<number[]> {
  const { firstCall, calls, perSecond, seed } = request;
  const arrivals = arrivalTimes(calls, perSecond, seed);
  const latencies = new Array<number>(calls).fill(0);
  const free = Array.from({ length: MOST_UNDER_WAY }, (_, slot) => MOST_UNDER_WAY - 1 - slot);
  const underWay = new Set<Promise<void>>();
  const start = performance.now();
  const now = () => (performance.now() - start) * 1e6;
  for (let i = 0; i < calls; i++) {
    const arrival = arrivals[i] ?? 0;
    await until(arrival, now, underWay);
    while (free.length === 0) await Promise.race(underWay); // waits here count: latency is from arrival
    const slot = free.pop() ?? 0;
    const waiting = call((firstCall + i) % listed, slot);
    if (waiting === undefined) {
      latencies[i] = now() - arrival;
      free.push(slot);
      continue;
    }
    const done: Promise<void> = waiting.then(() => {
      latencies[i] = now() - arrival;
      free.push(slot);
      underWay.delete(done);
    });
    underWay.add(done);
  }
  await Promise.all(underWay);
  return latencies.map(Math.round);
}

/** Waits for a time: asleep while it is far, then awake, letting what is under way go on. */
async function until(ns: number, now: () => number, underWay: ReadonlySet<unknown>): Promise<void> {
  for (let left = ns - now(); left > 0; left = ns - now()) {
    if (left > 3e6) await new Promise((resolve) => setTimeout(resolve, left / 1e6 - 2));
    else if (underWay.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
