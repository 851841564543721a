// The cells of the S3 benchmark: hydration against the SDK fetching the same objects whole, and cold gathers of 48 rows
// against one ranged GET. Pairs in alternating order; what was read is checked.

import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { ManifestModule } from "@engram-ts/core";
import { findWrongRow, seededRandom } from "@engram-ts/store-kit";
import type { S3Store } from "@engram-ts/store-s3";
import { median, pairedRatio, type Ratio } from "./gather-statistics.js";

/** What all cells read. */
export interface S3Contest {
  readonly client: S3Client;
  readonly bucket: string;
  readonly module: ManifestModule;
  readonly seed: number;
  readonly rounds: number;
}

/** Hydration, in MB/s. */
export interface HydrationReport {
  readonly sdkMbPerSecond: number;
  readonly storeMbPerSecond: number;
  /** How many times as fast as the SDK. */
  readonly timesAsFast: Ratio;
  readonly sdkMs: readonly number[];
  readonly storeMs: readonly number[];
}

const BATCHES_AHEAD = 4;

/** Reads the whole table, by the store and by the SDK. */
export async function hydration(contest: S3Contest, store: S3Store): Promise<HydrationReport> {
  const { rounds, seed } = contest;
  const { table } = store;
  const bytes = table.rows * table.rowBytes;
  const out = new Uint8Array(bytes);
  const sdkMs: number[] = [];
  const storeMs: number[] = [];
  // the first round warms up and is not counted
  for (let round = 0; round <= rounds; round++) {
    const sdk = async (): Promise<void> => {
      const ms = await timed(() => sdkReadsAll(contest));
      if (round > 0) sdkMs.push(ms);
    };
    const ours = async (): Promise<void> => {
      out.fill(0);
      const ms = await timed(() => storeReadsAll(store, out));
      if (round > 0) storeMs.push(ms);
      if (round === 0 || round === rounds) {
        const ids = Uint32Array.from({ length: table.rows }, (_, i) => i);
        if (findWrongRow(table, seed, ids, out) !== -1) throw new Error("hydration gave a wrong row");
      }
    };
    for (const run of round % 2 === 0 ? [sdk, ours] : [ours, sdk]) await run();
  }
  const rate = (times: readonly number[]): number => bytes / 1e3 / median(times);
  return {
    sdkMbPerSecond: rate(sdkMs),
    storeMbPerSecond: rate(storeMs),
    timesAsFast: pairedRatio(sdkMs, storeMs),
    sdkMs,
    storeMs,
  };
}

async function sdkReadsAll({ client, bucket, module }: S3Contest): Promise<void> {
  const keys = module.parts.map(({ data }) => data.uri);
  const bodies = await Promise.all(
    keys.map(async (Key) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      return Body?.transformToByteArray();
    }),
  );
  const bytes = bodies.reduce((sum, body) => sum + (body?.length ?? 0), 0);
  const expected = module.parts.reduce((sum, { data }) => sum + data.bytes, 0);
  if (bytes !== expected) throw new Error(`the SDK read ${bytes} of ${expected} bytes`);
}

async function storeReadsAll(store: S3Store, out: Uint8Array): Promise<void> {
  const { rows, rowBytes } = store.table;
  const step = Math.floor((8 * 2 ** 20) / rowBytes);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < rows) {
      const first = next;
      const count = Math.min(step, rows - first);
      next += count;
      const rowIds = new Uint32Array(count);
      for (let i = 0; i < count; i++) rowIds[i] = first + i;
      const ticket = store.prefetch(rowIds);
      await ticket.ready;
      ticket.gather(out.subarray(first * rowBytes, (first + count) * rowBytes));
      ticket.release();
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AHEAD }, lane));
}

/** Cold gathers of 48 rows. */
export interface ColdGatherReport {
  readonly rows: number;
  readonly gatherMs: number;
  readonly oneRangedGetMs: number;
  /** Gathers in latencies of one ranged GET: about 1 plus what 48 requests cost, not 48. */
  readonly inRangedGets: Ratio;
  /** As many ranged GETs of one block, sent by the SDK at once: what a caller would write. */
  readonly sdkTogetherMs: number;
  /** How many times as fast as those the gather is. */
  readonly timesAsFast: Ratio;
  readonly requestsPerGather: number;
  readonly bytesPerGather: number;
}

const ROWS = 48;

/** Gathers rows that were never read before, and as often fetches one block of the same size by the SDK. */
export async function coldGathers(contest: S3Contest, store: S3Store, blockBytes: number): Promise<ColdGatherReport> {
  const { client, bucket, module, seed, rounds } = contest;
  const { table } = store;
  const random = seededRandom(seed);
  const gathers: number[] = [];
  const gets: number[] = [];
  const together: number[] = [];
  const before = store.requestStats();
  const part = module.parts[0];
  if (part === undefined) throw new Error("a table has parts");
  const pairs = rounds * 3;
  const warmUp = 5;
  for (let round = 0; round < pairs + warmUp; round++) {
    const gather = async (): Promise<number> => {
      const ids = Uint32Array.from({ length: ROWS }, () => random.below(table.rows));
      const rows = new Uint8Array(ROWS * table.rowBytes);
      const ms = await timed(async () => {
        const ticket = store.prefetch(ids);
        await ticket.ready;
        ticket.gather(rows);
        ticket.release();
      });
      if (findWrongRow(table, seed, ids, rows) !== -1) throw new Error("a gather gave a wrong row");
      return ms;
    };
    const getOne = async (): Promise<void> => {
      const first = random.below(part.data.bytes - blockBytes);
      const Range = `bytes=${first}-${first + blockBytes - 1}`;
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: part.data.uri, Range }));
      await Body?.transformToByteArray();
    };
    const contestants: readonly (readonly [times: number[], run: () => Promise<number>])[] = [
      [gathers, gather],
      [gets, () => timed(getOne)],
      [together, () => timed(() => Promise.all(Array.from({ length: ROWS }, getOne)))],
    ];
    for (const [times, run] of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const ms = await run();
      if (round >= warmUp) times.push(ms);
    }
  }
  const after = store.requestStats();
  return {
    rows: ROWS,
    gatherMs: median(gathers),
    oneRangedGetMs: median(gets),
    inRangedGets: pairedRatio(gathers, gets),
    sdkTogetherMs: median(together),
    timesAsFast: pairedRatio(together, gathers),
    requestsPerGather: (after.requests - before.requests) / (pairs + warmUp),
    bytesPerGather: (after.bytesRead - before.bytesRead) / (pairs + warmUp),
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}
