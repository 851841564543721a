// How far the writing of a folder has come: a small file, replaced at each commit point, which a writer that was killed
// leaves behind for the next one. Not here: the rows, which are in the parts that it counts.

import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EngramError, isEngramError, type TablePlan } from "@engram-ts/core";
import { publishFile, readSmallFile } from "./manifest-file.js";

/** The journal's name; beside the manifest, which it never touches. */
const JOURNAL_NAME = "engram.writing.json";
const MAX_JOURNAL_BYTES = 2 ** 26;

/** The state of a writing. */
export interface WriteJournal {
  readonly format: "engram-writing";
  readonly version: 1;
  /** Digest of the plan that is being written. */
  readonly plan: string;
  /** The folder of the rows. */
  readonly folder: string;
  readonly partBytes: number;
  readonly blockBytes: number;
  /** For each layer, the rows that are safe, and the digests of the parts that are full. */
  readonly layers: readonly { readonly layer: number; readonly rows: number; readonly parts: readonly string[] }[];
}

/** The digest of a plan. */
export function planDigest({ manifest, tables }: TablePlan): string {
  const shapes = [...tables].map(([layer, { rows, encoding }]) => ({ layer, rows, encoding }));
  return createHash("sha256").update(JSON.stringify({ manifest, shapes })).digest("hex");
}

/** Replaces a folder's journal. */
export async function saveJournal(folder: string, journal: WriteJournal): Promise<void> {
  await publishFile(folder, JOURNAL_NAME, `${JSON.stringify(journal)}\n`);
}

/** Removes a folder's journal. */
export async function removeJournal(folder: string): Promise<void> {
  await rm(join(folder, JOURNAL_NAME), { force: true });
}

/**
 * A folder's journal, or undefined where nothing was begun.
 * @throws EngramError `manifest-mismatch` where the file is none.
 */
export async function loadJournal(folder: string): Promise<WriteJournal | undefined> {
  let text: string;
  try {
    text = (await readSmallFile(join(folder, JOURNAL_NAME), MAX_JOURNAL_BYTES, "fileDriver.write")).toString("utf8");
  } catch (cause) {
    if (isEngramError(cause, "not-found")) return undefined;
    throw cause;
  }
  let journal: unknown;
  try {
    journal = JSON.parse(text);
  } catch {
    journal = undefined;
  }
  if (isJournal(journal)) return journal;
  throw new EngramError({
    code: "manifest-mismatch",
    operation: "fileDriver.write",
    message: `${join(folder, JOURNAL_NAME)} is no journal of this release; write with { replace: true } to begin again`,
    context: { folder },
  });
}

function isJournal(value: unknown): value is WriteJournal {
  if (typeof value !== "object" || value === null) return false;
  const { format, version, plan, folder, partBytes, blockBytes, layers } = value as Partial<Record<string, unknown>>;
  const whole = (one: unknown, least: number): boolean => Number.isSafeInteger(one) && (one as number) >= least;
  return (
    format === "engram-writing" &&
    version === 1 &&
    typeof plan === "string" &&
    typeof folder === "string" &&
    /^rows-[0-9a-f]{12}$/.test(folder) &&
    whole(partBytes, 1) &&
    whole(blockBytes, 1) &&
    Array.isArray(layers) &&
    layers.every((entry: unknown) => {
      if (typeof entry !== "object" || entry === null) return false;
      const { layer, rows, parts } = entry as Partial<Record<string, unknown>>;
      return (
        whole(layer, 0) &&
        whole(rows, 0) &&
        Array.isArray(parts) &&
        parts.every((digest) => typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest))
      );
    })
  );
}
