// A latency histogram with fixed memory: four buckets for each doubling, from 1 microsecond to about 18 minutes, so a
// quantile is at most 19 % above the true one. Recording allocates nothing.

/** Quantiles in milliseconds; all are 0 where nothing was recorded. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Records durations and summarises them. */
export interface LatencyHistogram {
  /** Adds one duration in milliseconds. */
  record(ms: number): void;
  /** Quantiles as the upper bound of their bucket, never above the greatest duration recorded. */
  summary(): LatencySummary;
}

const BUCKETS_PER_DOUBLING = 4;
const BUCKETS = 30 * BUCKETS_PER_DOUBLING;

/** An empty histogram. */
export function latencyHistogram(): LatencyHistogram {
  const counts = new Float64Array(BUCKETS);
  let count = 0;
  let max = 0;

  const quantile = (share: number): number => {
    const rank = Math.ceil(count * share);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(max, 2 ** ((bucket + 1) / BUCKETS_PER_DOUBLING) / 1000);
    }
    return max;
  };

  return {
    record(ms) {
      const microseconds = Math.max(1, ms * 1000);
      const bucket = Math.min(BUCKETS - 1, Math.floor(Math.log2(microseconds) * BUCKETS_PER_DOUBLING));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      count++;
      if (ms > max) max = ms;
    },
    summary: () =>
      count === 0 ? { count, p50: 0, p99: 0, max } : { count, p50: quantile(0.5), p99: quantile(0.99), max },
  };
}
