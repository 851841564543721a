// A folder of checkpoints, one folder a step: `step-00001000`. A save that did not end is no checkpoint and is removed
// before the next one; old ones are removed after a newer one is whole. Not here: what a checkpoint holds.

import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type CheckpointStorage, EngramError } from "@engram-ts/core";
import { directoryStorage } from "@engram-ts/store-file";
import { fileError } from "../data/file-error.js";
import type { Trainer } from "../trainer/trainer.js";
import { RECORD_NAME } from "./training-record.js";

const OPERATION = "checkpointFolder";

/** See {@link checkpointFolder}. */
export interface CheckpointFolderOptions {
  /** Checkpoints that stay, the newest ones. Default 2. */
  readonly keep?: number;
}

/** A checkpoint of a run. */
export interface SavedStep {
  readonly step: number;
  /** Its folder. */
  readonly path: string;
  readonly storage: CheckpointStorage;
}

/** Checkpoints of one run. */
export interface CheckpointFolder {
  readonly path: string;
  /** Those that are whole, oldest first. */
  list(): Promise<readonly SavedStep[]>;
  /** The newest; `undefined` where there is none. */
  latest(): Promise<SavedStep | undefined>;
  /**
   * Saves a run's state; nothing is written where its step is there already.
   * @throws EngramError `out-of-space`, `permission-denied`, `io`, ...: what was there before is there still.
   */
  save<T>(trainer: Pick<Trainer<T>, "step" | "save">, options?: { readonly signal?: AbortSignal }): Promise<SavedStep>;
}

/**
 * Checkpoints in a folder, which is made with the first one.
 * @throws EngramError `invalid-argument`.
 * @example
 * const checkpoints = checkpointFolder("runs/first");
 * const latest = await checkpoints.latest();
 * if (latest !== undefined) await trainer.restore(latest.storage);
 */
export function checkpointFolder(path: string, { keep = 2 }: CheckpointFolderOptions = {}): CheckpointFolder {
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new EngramError({
      code: "invalid-argument",
      operation: OPERATION,
      message: `keep is ${String(keep)}; use a whole number from 1`,
    });
  }
  directoryStorage(path); // checks the path
  const opened = (step: number): SavedStep => {
    const folder = join(path, `step-${String(step).padStart(8, "0")}`);
    return { step, path: folder, storage: directoryStorage(folder) };
  };
  const all = async (): Promise<{ readonly saved: SavedStep; readonly whole: boolean }[]> => {
    const names = await readdir(path).catch((cause: unknown) => {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
      throw fileError(cause, path, OPERATION);
    });
    const steps = names.flatMap((name) => /^step-(\d{8,15})$/.exec(name)?.[1] ?? []).map(Number);
    return Promise.all(
      steps
        .sort((a, b) => a - b)
        .map(async (step) => {
          const saved = opened(step);
          return { saved, whole: (await saved.storage.size(RECORD_NAME)) !== undefined };
        }),
    );
  };
  const remove = (saved: readonly SavedStep[]) =>
    Promise.all(
      saved.map(async (one) => {
        // the record first, so that what is half removed is no checkpoint
        await rm(join(one.path, RECORD_NAME), { force: true });
        await rm(one.path, { recursive: true, force: true });
      }),
    ).catch((cause: unknown) => {
      throw fileError(cause, path, OPERATION);
    });
  const list = async () => (await all()).flatMap(({ saved, whole }) => (whole ? [saved] : []));
  return {
    path,
    list,
    latest: async () => (await list()).at(-1),
    async save(trainer, options = {}) {
      const before = await all();
      const there = before.find(({ saved, whole }) => whole && saved.step === trainer.step);
      if (there !== undefined) return there.saved;
      await remove(before.flatMap(({ saved, whole }) => (whole ? [] : [saved])));
      const saved = opened(trainer.step);
      await mkdir(saved.path, { recursive: true }).catch((cause: unknown) => {
        throw fileError(cause, path, OPERATION);
      });
      await trainer.save(saved.storage, options);
      await remove((await list()).slice(0, -keep));
      return saved;
    },
  };
}
