// Open-loop arrivals: at random and at the rate asked for, and a stall counts for all that arrive during it.

import { expect, test } from "vitest";
import { runRound } from "../../src/cells/round-loops.js";
import { arrivalTimes, openLoopLatency } from "../../src/statistics/arrivals.js";

test("arrivals have the rate asked for, and gaps that vary as those of chance do", () => {
  const arrivals = arrivalTimes(20_000, 1_000, 5);
  const gaps = Array.from(arrivals, (at, i) => at - (arrivals[i - 1] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  expect(mean).toBeGreaterThan(0.97e6);
  expect(mean).toBeLessThan(1.03e6);
  expect(deviation / mean).toBeGreaterThan(0.95);
  expect(deviation / mean).toBeLessThan(1.05);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
});

test("one call that stalls makes the calls that arrive meanwhile late, as a closed loop would not show", async () => {
  const stallMs = 60;
  const call = (index: number) => {
    const end = performance.now() + (index === 50 ? stallMs : 0);
    while (performance.now() < end);
    return undefined;
  };
  const { latencyNs = [] } = await runRound(call, 200, {
    firstCall: 0,
    calls: 200,
    check: 0,
    perSecond: 1_000,
    seed: 3,
  });
  expect(latencyNs).toHaveLength(200);
  const late = latencyNs.filter((ns) => ns > 5e6).length;
  expect(late).toBeGreaterThan(20); // about 60 calls arrive in the 60 ms
  const { p50, p99, max } = openLoopLatency(latencyNs, 1_000);
  expect(p99).toBeGreaterThan(10_000);
  expect(max).toBeGreaterThanOrEqual(p99);
  expect(p50).toBeLessThanOrEqual(p99);
});

test("a latency's points are values that were measured", () => {
  const latency = openLoopLatency([5_000, 1_000, 3_000], 10);
  expect(latency).toMatchObject({ requests: 3, p50: 3, p99: 5, p999: 5, max: 5 });
  expect(latency.curve.every(([, us]) => [1, 3, 5].includes(us))).toBe(true);
});
