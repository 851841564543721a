// When requests arrive in an open loop: at random, at a given rate, whether earlier ones are done or not. Latency is counted
// from the arrival, so a slow request makes those behind it late too: nothing is left out as a closed loop leaves it out
// (coordinated omission).

import { quantile } from "./quantiles.js";
import { seeded } from "./seeded.js";

/** Nanoseconds from the start at which each of `count` requests arrives: exponential gaps, from a seed. */
export function arrivalTimes(count: number, perSecond: number, seed: number): Float64Array {
  const random = seeded(seed);
  let at = 0;
  return Float64Array.from({ length: count }, () => {
    at += (-Math.log(1 - random()) / perSecond) * 1e9;
    return at;
  });
}

/** Latencies of an open loop, in microseconds from arrival to rows. */
export interface OpenLoopLatency {
  /** Requests that arrived a second, on average. */
  readonly offeredPerSecond: number;
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  /** Of fewer than 1,000 requests, the greatest. */
  readonly p999: number;
  readonly max: number;
  /** Points of the distribution: share of requests, microseconds. */
  readonly curve: readonly (readonly [share: number, us: number])[];
}

const SHARES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999];

/** The distribution of latencies in nanoseconds. */
export function openLoopLatency(ns: readonly number[], offeredPerSecond: number): OpenLoopLatency {
  const sorted = ns.map((one) => one / 1_000).sort((a, b) => a - b);
  const known = SHARES.filter((share) => share <= 1 - 1 / sorted.length);
  return {
    offeredPerSecond,
    requests: sorted.length,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
    max: sorted.at(-1) ?? Number.NaN,
    curve: known.map((share) => [share, quantile(sorted, share)]),
  };
}
