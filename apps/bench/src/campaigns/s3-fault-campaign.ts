// A campaign of faulty reads: withRetry(withTimeout(s3Store)) over the fake S3, which fails in all of its ways. Each read
// must give the right rows or a typed error, in time. Counts what came; the program is s3-faults.ts.

import { isEngramError, type RowStore, tableInfo, withRetry, withTimeout } from "@engram-ts/core";
import { fakeS3, findWrongRow, type S3FaultKind, seededRandom } from "@engram-ts/store-kit";
import { s3Store } from "@engram-ts/store-s3";
import { putS3Table } from "./s3-table.js";

/** How large a campaign is. */
export interface S3CampaignOptions {
  readonly seed: number;
  readonly reads: number;
  /** Share of requests that fail. Default 0.15. */
  readonly share?: number;
  /** Reads under way at once. Default 16. */
  readonly atOnce?: number;
  /** Told now and then how many reads have ended. */
  readonly progress?: (reads: number) => void;
}

/** What came of a campaign. */
export interface S3CampaignReport {
  readonly seed: number;
  readonly reads: number;
  readonly rightReads: number;
  /** Reads that failed with a typed error, by code and retry advice. */
  readonly typedErrors: Readonly<Record<string, number>>;
  /** Must be 0, each of them. */
  readonly wrongReads: number;
  readonly untypedErrors: number;
  readonly lateReads: number;
  readonly unhandledRejections: number;
  readonly requests: number;
  /** Faults that the server committed, by kind. */
  readonly faults: Readonly<Partial<Record<S3FaultKind, number>>>;
  readonly slowestMs: number;
  readonly seconds: number;
}

const TABLE = tableInfo({ rows: 20_000, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
const DEADLINE_MS = 6_000;
const TIMEOUT_MS = 1_500;
/** Without a byte; far above what a loaded machine takes to answer, or healthy requests would fail. */
const STALLED_MS = 600;
/** Above deadline and timeout: what an event loop under load may add. */
const GRACE_MS = 1_000;

/** Runs a campaign, half of it against a server that does not look at conditions, and with hedges. */
export async function s3FaultCampaign(options: S3CampaignOptions): Promise<S3CampaignReport> {
  const { seed, reads, share = 0.15, atOnce = 16 } = options;
  const start = performance.now();
  const random = seededRandom(seed);
  const counts = { rightReads: 0, wrongReads: 0, untypedErrors: 0, lateReads: 0, slowestMs: 0 };
  const typedErrors: Record<string, number> = {};
  const faults: Partial<Record<S3FaultKind, number>> = {};
  let unhandledRejections = 0;
  let requests = 0;
  let ended = 0;
  const onUnhandled = (): void => {
    unhandledRejections++;
  };
  process.on("unhandledRejection", onUnhandled);

  const readOne = async (store: RowStore): Promise<void> => {
    const rowIds = Uint32Array.from({ length: 1 + random.below(6) }, () => random.below(TABLE.rows));
    const began = performance.now();
    const ticket = store.prefetch(rowIds, { deadlineMs: DEADLINE_MS, priority: random.below(3) });
    try {
      await ticket.ready;
      const rows = new Uint8Array(rowIds.length * TABLE.rowBytes);
      ticket.gather(rows);
      if (findWrongRow(TABLE, seed, rowIds, rows) === -1) counts.rightReads++;
      else counts.wrongReads++;
    } catch (error) {
      if (isEngramError(error)) {
        const name = `${error.code}, ${error.retry}`;
        typedErrors[name] = (typedErrors[name] ?? 0) + 1;
      } else counts.untypedErrors++;
    } finally {
      ticket.release();
      const ms = performance.now() - began;
      counts.slowestMs = Math.max(counts.slowestMs, ms);
      if (ms > DEADLINE_MS + TIMEOUT_MS + GRACE_MS) counts.lateReads++;
      if (++ended % 100 === 0) options.progress?.(ended);
    }
  };

  for (const conditions of ["honoured", "ignored"] as const) {
    const s3 = await fakeS3({ seed, conditions });
    const put = (uri: string, bytes: Uint8Array): void => s3.put("tables", uri, bytes);
    const module = await putS3Table(TABLE, { seed, partRows: 4_096, blockRows: 8, put });
    const hedge = conditions === "ignored" ? { hedgeAfterMs: 200 } : {};
    const store = withRetry(
      withTimeout(
        await s3Store({ module, bucket: "tables", clientConfig: s3.clientConfig, timeoutMs: STALLED_MS, ...hedge }),
        { timeoutMs: TIMEOUT_MS },
      ),
      { attempts: 5, budget: { tokens: reads, perSuccess: 1 } },
    );
    s3.setFaults({ share, latencyMs: [0, 3] });
    let left = Math.ceil(reads / 2);
    const lane = async (): Promise<void> => {
      while (left-- > 0) await readOne(store);
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    await store.close();
    const stats = s3.stats();
    requests += stats.requests;
    for (const [kind, count] of Object.entries(stats.faults) as [S3FaultKind, number][]) {
      faults[kind] = (faults[kind] ?? 0) + count;
    }
    await s3.close();
  }
  await new Promise(setImmediate); // what nobody handles is told by now
  process.off("unhandledRejection", onUnhandled);
  const seconds = (performance.now() - start) / 1_000;
  return { seed, reads: ended, ...counts, typedErrors, unhandledRejections, requests, faults, seconds };
}

/** What a campaign must not show, in words; empty where it went well. */
export function campaignFailures(report: S3CampaignReport): readonly string[] {
  const { wrongReads, untypedErrors, lateReads, unhandledRejections } = report;
  return Object.entries({ wrongReads, untypedErrors, lateReads, unhandledRejections })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name}: ${count}`);
}
