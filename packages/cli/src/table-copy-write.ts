// Writing tables to a URI, as import, copy and fill do it: refuses to replace tables that are there unless told to, goes on
// after what an earlier run committed, and reads back what was written.

import { randomInt } from "node:crypto";
import {
  createAddressing,
  EngramError,
  isEngramError,
  type Manifest,
  type OpenedTables,
  type TablePlan,
} from "@engram-ts/core";
import type { WriteTarget } from "./drivers.js";
import type { ProgressReporter } from "./progress.js";
import { allRuns, type CopiedTables, copyTables, digestSource, firstDifference } from "./table-copy.js";
import { interrupted } from "./table-copy-interrupt.js";
import { type RowSource, storeSource } from "./table-copy-source.js";

/** How much is read back: every row, some hundred runs of rows, or none. */
export const VERIFY_MODES = ["all", "sample", "none"] as const;

/** One of {@link VERIFY_MODES}. */
export type VerifyMode = (typeof VERIFY_MODES)[number];

/** What is written, where and how. */
export interface WriteTablesRequest {
  readonly target: WriteTarget;
  /** Addressing, derived numbers, token map. */
  readonly manifest: Omit<Manifest, "modules">;
  readonly tokenMap?: Uint8Array;
  readonly sources: readonly RowSource[];
  /** Whether tables that are there may be replaced, and an unfinished writing of others forgotten. */
  readonly replace: boolean;
  readonly verify: VerifyMode;
  readonly progress: ProgressReporter;
  readonly signal: AbortSignal;
  /** The command, for messages. */
  readonly operation: string;
}

const SAMPLE_RUNS = 64;
const SAMPLE_ROWS = 64;

/**
 * Writes the tables and reads them back.
 * @throws EngramError `manifest-mismatch` where other tables are there and may not be replaced; `digest-mismatch` where
 * what is read back is not what was written; `aborted`; what sources and driver throw.
 */
export async function writeTables(request: WriteTablesRequest): Promise<CopiedTables> {
  const { target, manifest, tokenMap, sources, replace, progress, signal, operation } = request;
  if (!replace) await refuseExisting(target, operation);
  const tables = new Map(sources.map(({ layer, table }) => [layer, table]));
  const plan: TablePlan = { manifest, tables, ...(tokenMap === undefined ? {} : { tokenMap }) };
  const writer = await target.driver.write(target.uri, plan, { replace, signal });
  const copied = await copyTables(sources, writer, { progress, signal });
  try {
    await verifyWritten(request, copied);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw interrupted(
      `the tables at ${target.uri} are finished and were not all read back; engram verify does that`,
      cause,
    );
  }
  return copied;
}

async function refuseExisting({ uri, driver }: WriteTarget, operation: string): Promise<void> {
  let there: OpenedTables;
  try {
    there = await driver.open(uri);
  } catch (cause) {
    if (isEngramError(cause, "not-found")) return;
    throw cause;
  }
  const { addressing, modules } = there.manifest;
  await there.close();
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `${uri} holds finished tables already (${addressing.kind}, layers ${modules.map(({ layer }) => layer).join(", ")}); look at them with engram inspect, check them with engram verify, or replace them with --replace`,
    context: { uri, kind: addressing.kind, layers: modules.map(({ layer }) => layer) },
  });
}

async function verifyWritten(request: WriteTablesRequest, copied: CopiedTables): Promise<void> {
  const { target, sources, verify, progress, signal, operation } = request;
  if (verify === "none") return;
  const written = await target.driver.open(target.uri, { signal });
  try {
    createAddressing(written.manifest.addressing, { derived: written.manifest.derived });
    for (const source of sources) {
      const store = written.tables.get(source.layer);
      const expected = copied.tables.find(({ layer }) => layer === source.layer);
      if (store === undefined || expected === undefined) throw notThere(target.uri, source.layer, operation);
      const back = storeSource(source.layer, store, signal);
      const same =
        verify === "all" &&
        (await digestSource(back, `verify ${source.layer}`, { progress, signal })) === expected.digest;
      if (same) continue;
      const { rows, rowBytes } = source.table;
      const runs = verify === "all" ? allRuns(rows, rowBytes) : sampleRuns(rows, SAMPLE_RUNS, SAMPLE_ROWS);
      const difference = await firstDifference(source, back, runs, undefined, signal);
      if (difference === undefined && verify === "sample") continue;
      throw new EngramError({
        code: "digest-mismatch",
        operation,
        message: `layer ${source.layer} at ${target.uri} is not what was written${difference === undefined ? "" : `: row ${difference.row} differs from byte ${difference.byte} on`}; write it again with --replace, and check the storage`,
        context: { uri: target.uri, layer: source.layer, ...difference },
      });
    }
  } finally {
    await written.close();
  }
}

function notThere(uri: string, layer: number, operation: string): EngramError {
  return new EngramError({
    code: "not-found",
    operation,
    message: `layer ${layer} was written to ${uri} and is not there; write it again with --replace`,
    context: { uri, layer },
  });
}

/** Runs of rows for a sample: the first, the last and others at random, ascending. */
export function sampleRuns(
  rows: number,
  runs: number,
  rowsPerRun: number,
  random: (below: number) => number = randomInt,
): { firstRow: number; rows: number }[] {
  const length = Math.min(rows, rowsPerRun);
  const last = rows - length;
  const starts = new Set([0, last]);
  for (let i = 0; i < runs * 2 && starts.size < Math.min(runs, last + 1); i++) starts.add(random(last + 1));
  return [...starts].sort((a, b) => a - b).map((firstRow) => ({ firstRow, rows: length }));
}
