// The tables of a run, written where other programs open them by URI: with the addressing that found their rows, and
// nothing of training. Not here: checkpoints, which hold moments, too.

import { createAddressing, EngramError } from "@engram-ts/core";
import { writeTarget } from "../drivers.js";
import { progressReporter, silentProgress } from "../progress.js";
import { storeSource } from "../table-copy-source.js";
import { writeTables } from "../table-copy-write.js";
import type { TrainRun } from "./train-run.js";

/** What was written of one table. */
export interface ExportedTable {
  readonly layer: number;
  readonly rows: number;
  readonly bytes: number;
  /** `sha256:` and hex, of all its rows. */
  readonly digest: string;
}

/**
 * Writes a run's tables to a URI and reads every row back.
 * @throws EngramError `invalid-argument` where the run has no tables, `manifest-mismatch` where others are there.
 */
export async function exportTrainTables<T>(
  { record, tables }: Pick<TrainRun<T>, "record" | "tables">,
  uri: string,
  { quiet, signal }: { readonly quiet: boolean; readonly signal: AbortSignal },
): Promise<readonly ExportedTable[]> {
  const operation = "engram train";
  const { memory } = record.spec;
  if (memory === undefined) {
    const message = `the model has no tables to write to ${uri}; train one that has, or leave --tables out`;
    throw new EngramError({ code: "invalid-argument", operation, message });
  }
  const derived = createAddressing(memory.addressing).derivation();
  const copied = await writeTables({
    target: await writeTarget(uri, operation),
    manifest: { format: "engram", version: 1, addressing: memory.addressing, derived },
    sources: [...tables].map(([layer, store]) => storeSource(layer, store, signal)),
    replace: false,
    verify: "all",
    progress: quiet ? silentProgress : progressReporter(process.stderr),
    signal,
    operation,
  });
  return copied.tables.map(({ layer, rows, bytes, digest }) => ({ layer, rows, bytes, digest }));
}
