// Writes tables into a folder: rows into a folder of their own below it, then, in one rename, the manifest that names
// them. Until then readers see what was there before, and afterwards those who have it open keep it. A journal is kept at
// commit points; a writer opened again for the same plan goes on after the last one.
// One writer at a time: two in one folder would overwrite each other's journal.

import { hash, randomBytes } from "node:crypto";
import { mkdir, readdir, rm, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  BLOCK_DIGEST_BYTES,
  EngramError,
  MANIFEST_NAME,
  type Manifest,
  serializeManifest,
  type TablePlan,
  type TableWriter,
  type WriteTablesOptions,
} from "@engram-ts/core";
import { fileError } from "./file-error.js";
import { LayerWriter } from "./layer-writer.js";
import { publishFile, readManifest, syncFolder } from "./manifest-file.js";
import { loadJournal, planDigest, removeJournal, saveJournal, type WriteJournal } from "./write-journal.js";

/** How tables are written. */
export interface FileWriterOptions {
  /** Most bytes of a part file. Default 4 GiB. */
  readonly partBytes?: number;
  /** Most bytes of rows under one digest, at least a row. Default 16 KiB. */
  readonly blockBytes?: number;
  /** Bytes of rows between commit points: what is written again after a kill. Default 256 MiB. */
  readonly commitBytes?: number;
}

const operation = "fileDriver.write";

/** Starts or resumes writing; see `TableDriver.write`. */
export async function fileTableWriter(
  folder: string,
  plan: TablePlan,
  options: FileWriterOptions,
  writeOptions: WriteTablesOptions,
): Promise<TableWriter> {
  const { partBytes = 2 ** 32, blockBytes = 2 ** 14, commitBytes = 2 ** 28 } = options;
  for (const [name, value] of Object.entries({ partBytes, blockBytes, commitBytes })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw invalid(`options.${name} is ${String(value)}; use a whole number of bytes`);
  }
  checkTokenMap(plan);
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw fileError(cause, operation, folder);
  }
  const journal = await beginOrResume(folder, plan, { partBytes, blockBytes }, writeOptions.replace === true);
  const layers = new Map<number, LayerWriter>();
  for (const [layer, table] of plan.tables) {
    const { partBytes: part, blockBytes: block, folder: rowsFolder } = journal;
    layers.set(layer, new LayerWriter({ layer, table, folder, rowsFolder, partBytes: part, blockBytes: block }));
  }
  await checkSpace(folder, plan, journal);
  for (const { layer, rows, parts } of journal.layers) await layers.get(layer)?.resume({ rows, parts });
  return writerOf({ folder, plan, journal, layers, commitBytes, signal: writeOptions.signal });
}

interface Writing {
  readonly folder: string;
  readonly plan: TablePlan;
  readonly journal: WriteJournal;
  readonly layers: ReadonlyMap<number, LayerWriter>;
  readonly commitBytes: number;
  readonly signal: AbortSignal | undefined;
}

function writerOf({ folder, plan, journal, layers, commitBytes, signal }: Writing): TableWriter {
  const committed = new Map([...layers].map(([layer, writer]) => [layer, writer.written]));
  let uncommitted = 0;
  let closed = false;
  /** Everything is done one after the other. */
  let last: Promise<unknown> = Promise.resolve();
  const queued = <T>(run: () => Promise<T>): Promise<T> => {
    const result = last.then(run);
    last = result.catch(() => {});
    return result;
  };
  const commit = async (): Promise<void> => {
    const progress = await Promise.all(
      [...layers].map(async ([layer, writer]) => ({ layer, ...(await writer.commit()) })),
    );
    await saveJournal(folder, { ...journal, layers: progress });
    for (const { layer, rows } of progress) committed.set(layer, rows);
    uncommitted = 0;
  };
  const checkOpen = (): void => {
    if (closed)
      throw new EngramError({ code: "store-closed", operation: "tableWriter", message: "the writer is closed" });
  };

  return {
    committed,
    write: (layer, firstRow, rows) =>
      queued(async () => {
        checkOpen();
        checkSignal(signal, "tableWriter.write");
        const writer = layers.get(layer);
        const table = plan.tables.get(layer);
        if (writer === undefined || table === undefined) throw invalid(`the plan has no table of layer ${layer}`);
        if (firstRow !== writer.written) {
          throw invalid(`rows of layer ${layer} come at ${firstRow}; go on at ${writer.written}, in order`);
        }
        const count = rows.length / table.rowBytes;
        if (!Number.isInteger(count)) {
          throw invalid(`rows has ${rows.length} bytes, no whole number of rows of ${table.rowBytes}`);
        }
        if (firstRow + count > table.rows) {
          throw invalid(`rows end at ${firstRow + count}, and the table of layer ${layer} has ${table.rows}`);
        }
        await writer.write(rows);
        uncommitted += rows.length;
        if (uncommitted >= commitBytes) await commit();
      }),
    finish: (digests) =>
      queued(async () => {
        checkOpen();
        for (const [layer, writer] of layers) {
          const rows = plan.tables.get(layer)?.rows;
          if (writer.written !== rows) {
            throw invalid(`the table of layer ${layer} has ${writer.written} of ${rows} rows; write the others first`);
          }
        }
        const before = await readManifest(folder, operation).catch(() => undefined);
        const modules = [];
        for (const [layer, writer] of layers) modules.push(await writer.finish(digests?.get(layer)));
        const manifest: Manifest = { ...(await keepTokenMap(folder, plan, journal)), modules };
        await syncFolder(join(folder, journal.folder));
        await publishFile(folder, MANIFEST_NAME, serializeManifest(manifest));
        closed = true;
        await removeJournal(folder);
        await removeRows(folder, journal.folder, before);
        return manifest;
      }),
    close: () =>
      queued(async () => {
        if (closed) return;
        closed = true;
        try {
          if (uncommitted > 0) await commit();
        } finally {
          await Promise.all([...layers.values()].map((writer) => writer.close()));
        }
      }),
  };
}

async function beginOrResume(
  folder: string,
  plan: TablePlan,
  sizes: { partBytes: number; blockBytes: number },
  replace: boolean,
): Promise<WriteJournal> {
  const digest = planDigest(plan);
  let journal: WriteJournal | undefined;
  try {
    journal = await loadJournal(folder);
  } catch (cause) {
    if (!replace) throw cause;
  }
  if (journal?.plan === digest && !replace) return journal;
  if (journal !== undefined) {
    if (!replace) {
      throw new EngramError({
        code: "manifest-mismatch",
        operation,
        message: `${folder} holds the unfinished writing of other tables; finish it, or write with { replace: true } to forget it`,
        context: { folder },
      });
    }
    await forgetJournal(folder, journal);
  }
  const rowsFolder = `rows-${randomBytes(6).toString("hex")}`;
  const begun: WriteJournal = {
    format: "engram-writing",
    version: 1,
    plan: digest,
    folder: rowsFolder,
    ...sizes,
    layers: [],
  };
  try {
    await mkdir(join(folder, rowsFolder));
  } catch (cause) {
    throw fileError(cause, operation, join(folder, rowsFolder));
  }
  await saveJournal(folder, begun);
  return begun;
}

async function forgetJournal(folder: string, journal: WriteJournal): Promise<void> {
  await rm(join(folder, journal.folder), { recursive: true, force: true });
  await removeJournal(folder);
}

/** The manifest without modules, its token map among the rows. */
async function keepTokenMap(
  folder: string,
  plan: TablePlan,
  journal: WriteJournal,
): Promise<Omit<Manifest, "modules">> {
  const { tokenMap } = plan.manifest;
  if (tokenMap === undefined || plan.tokenMap === undefined) return plan.manifest;
  const name = basename(tokenMap.file);
  await publishFile(join(folder, journal.folder), name, plan.tokenMap);
  return { ...plan.manifest, tokenMap: { ...tokenMap, file: `${journal.folder}/${name}` } };
}

function checkTokenMap({ manifest, tokenMap }: TablePlan): void {
  const named = manifest.tokenMap;
  if ((named === undefined) !== (tokenMap === undefined)) {
    throw invalid("plan.tokenMap must be given where plan.manifest names a token map, and only there");
  }
  if (named === undefined || tokenMap === undefined) return;
  if (tokenMap.length === named.bytes && hash("sha256", tokenMap, "hex") === named.sha256) return;
  throw new EngramError({
    code: "digest-mismatch",
    operation,
    message: `plan.tokenMap is not the file of ${named.bytes} bytes whose digest plan.manifest has`,
  });
}

/** @throws EngramError `aborted`. */
export function checkSignal(signal: AbortSignal | undefined, operationName: string): void {
  if (signal?.aborted !== true) return;
  const message = "the caller's signal ended it";
  throw new EngramError({ code: "aborted", operation: operationName, message, cause: signal.reason });
}

/** Refuses to begin what cannot be ended. */
async function checkSpace(folder: string, plan: TablePlan, journal: WriteJournal): Promise<void> {
  let needed = 0;
  for (const [layer, { rows, rowBytes }] of plan.tables) {
    const safe = journal.layers.find((entry) => entry.layer === layer)?.rows ?? 0;
    const blockRows = Math.max(1, Math.floor(journal.blockBytes / rowBytes));
    needed += (rows - safe) * (rowBytes + BLOCK_DIGEST_BYTES / blockRows);
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  if (journal.layers.length === 0) await forgetJournal(folder, journal);
  throw new EngramError({
    code: "out-of-space",
    operation,
    message: `${folder} has ${free} bytes free, and the rows still need ${needed}; make room or choose another disk`,
    retry: "later",
    context: { folder, free, needed },
  });
}

/** Removes rows that no manifest names any more; those who have them open keep them. */
async function removeRows(folder: string, kept: string, before: Manifest | undefined): Promise<void> {
  const named = new Set(before?.modules.flatMap(({ parts }) => parts.map(({ data }) => data.uri.split("/")[0])));
  const entries = await readdir(folder).catch(() => []);
  for (const entry of entries) {
    if (entry === kept || !named.has(entry) || !/^rows-[0-9a-f]{12}$/.test(entry)) continue;
    await rm(join(folder, entry), { recursive: true, force: true }).catch(() => {});
  }
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "tableWriter", message });
}
