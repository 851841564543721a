// A resumed run is the one that was not interrupted, bit for bit, in memory and on LMDB; saves that are killed or meet a
// full disk leave the checkpoint before as it was; checkpoints of others and damaged ones change nothing.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CheckpointStorage, EngramError, type ErrorCode, isEngramError } from "@engram-ts/core";
import { directoryStorage } from "@engram-ts/store-file";
import { lmdbStore } from "@engram-ts/store-lmdb";
import { afterAll, describe, expect, it } from "vitest";
import { checkpointFolder } from "../../src/checkpoints/checkpoint-folder.js";
import { momentsTable, type TrainedTable } from "../../src/optimizers/row-optimizer.js";
import { initializeBytes, initialRows, tablesOf } from "../../src/trainer/initial-rows.js";
import { runTraining } from "../../src/trainer/run-training.js";
import { createTrainer } from "../../src/trainer/trainer.js";
import {
  contentsOf,
  countingSource,
  TINY_CONFIG,
  tinyModel,
  tinySpec,
  tinyTables,
  tinyTrainer,
} from "../trainer/tiny-run.js";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "engram-train-"));
  folders.push(folder);
  return folder;
};

/** Tables on LMDB, opened or made. */
async function lmdbTables(folder: string): Promise<Map<number, TrainedTable>> {
  const tables = new Map<number, TrainedTable>();
  for (const [layer, table] of tablesOf(tinySpec())) {
    const initial = initialRows({ seed: 5, layer, width: table.encoding.width });
    const rows = await lmdbStore({
      path: join(folder, `rows-${layer}`),
      table,
      initialize: initializeBytes(table, initial),
    });
    const moments = await lmdbStore({
      path: join(folder, `moments-${layer}`),
      table: momentsTable(table),
      initialize: () => undefined,
    });
    tables.set(layer, { rows, moments, initial });
  }
  return tables;
}

const close = async (tables: Map<number, TrainedTable>) => {
  for (const { rows, moments } of tables.values()) {
    await rows.close();
    await moments.close();
  }
};

describe("a resumed run", () => {
  it.each([{ accumulation: 1 }, { accumulation: 2, matrices: "adamw" as const }])(
    "is the one that was not interrupted, bit for bit: %o",
    async (config) => {
      const whole = await tinyTrainer(config);
      const losses: number[] = [];
      for (let i = 0; i < 6; i++) losses.push((await whole.takeStep()).loss);

      const first = await tinyTrainer(config);
      for (let i = 0; i < 3; i++) await first.takeStep();
      const storage = directoryStorage(join(temporaryFolder(), "saved"));
      await first.save(storage);
      const resumed = await tinyTrainer(config);
      await resumed.restore(storage);
      expect(resumed.step).toBe(3);
      for (let i = 3; i < 6; i++) expect((await resumed.takeStep()).loss).toBe(losses[i]);
      expect(await contentsOf(resumed)).toEqual(await contentsOf(whole));

      // and the run that was saved goes on as if it had not been
      for (let i = 3; i < 6; i++) expect((await first.takeStep()).loss).toBe(losses[i]);
      // back in the same process: rows that were first touched after the checkpoint go back, too
      await first.restore(storage);
      for (let i = 3; i < 6; i++) expect((await first.takeStep()).loss).toBe(losses[i]);
      expect(await contentsOf(first)).toEqual(await contentsOf(whole));
    },
  );

  it("is so on LMDB after a crash some steps past the checkpoint", async () => {
    const whole = await tinyTrainer();
    const losses: number[] = [];
    for (let i = 0; i < 5; i++) losses.push((await whole.takeStep()).loss);
    const folder = temporaryFolder();
    const storage = directoryStorage(join(folder, "saved"));
    const open = async () => {
      const tables = await lmdbTables(folder);
      const config = TINY_CONFIG;
      return { tables, trainer: await createTrainer({ model: tinyModel(), tables, source: countingSource(), config }) };
    };
    const first = await open();
    for (let i = 0; i < 2; i++) expect((await first.trainer.takeStep()).loss).toBe(losses[i]);
    await first.trainer.save(storage);
    for (let i = 2; i < 4; i++) expect((await first.trainer.takeStep()).loss).toBe(losses[i]);
    await close(first.tables);
    const second = await open();
    await second.trainer.restore(storage);
    for (let i = 2; i < 5; i++) expect((await second.trainer.takeStep()).loss).toBe(losses[i]);
    expect(await contentsOf(second.trainer)).toEqual(await contentsOf(whole));
    await close(second.tables);
  });
});

describe("stores that know their step", () => {
  it("are not written by a resumed run where they hold its step, and need no initial rows", async () => {
    const config = TINY_CONFIG;
    const run = async (tables: Map<number, TrainedTable>) =>
      createTrainer({ model: tinyModel(), tables, source: countingSource(), config });
    const kept = await tinyTables(tinySpec());
    const first = await run(kept);
    await first.takeStep();
    const storage = directoryStorage(join(temporaryFolder(), "saved"));
    await first.save(storage);
    let begun = 0;
    const knowing = (tables: Map<number, TrainedTable>, step: number) =>
      new Map(
        [...tables].map(([layer, { rows, moments }]) => {
          const counted = (store: TrainedTable["rows"]) => {
            const begin = () => {
              begun++;
              return store.begin();
            };
            return { ...store, begin };
          };
          return [layer, { rows: counted(rows), moments: counted(moments), step }];
        }),
      );
    const resumed = await run(knowing(kept, 1));
    await resumed.restore(storage);
    expect(begun).toBe(0);
    const fresh = await run(knowing(await tinyTables(tinySpec()), 0));
    await fresh.restore(storage);
    expect(begun).toBe(4); // rows and moments of two tables, of the checkpoint alone
    const { loss } = await fresh.takeStep();
    expect((await resumed.takeStep()).loss).toBe(loss);
    await resumed.save(directoryStorage(join(temporaryFolder(), "again")));
    await fresh.save(directoryStorage(join(temporaryFolder(), "again")));
    expect(await contentsOf(resumed)).toEqual(await contentsOf(fresh));
    await expectCode(resumed.restore(storage), "invalid-argument", /give the table's initial rows/);
  });

  it("a store that is full ends a step with its error, and the checkpoint before goes on", async () => {
    const whole = await tinyTrainer();
    for (let i = 0; i < 3; i++) await whole.takeStep();
    for (const place of ["rows", "moments"] as const) {
      let full = false;
      const tables = await tinyTables(tinySpec());
      for (const [layer, table] of tables) {
        const store = table[place];
        const begin = () => {
          const transaction = store.begin();
          const commit = () => {
            if (!full || layer === 0) return transaction.commit();
            const error = new EngramError({ code: "out-of-space", operation: "commit", message: "the disk is full" });
            return transaction.abort().then(() => Promise.reject(error));
          };
          return { ...transaction, commit };
        };
        tables.set(layer, { ...table, [place]: { ...store, begin } });
      }
      const options = { model: tinyModel(), tables, source: countingSource(), config: TINY_CONFIG };
      const trainer = await createTrainer(options);
      await trainer.takeStep();
      const storage = directoryStorage(join(temporaryFolder(), "saved"));
      await trainer.save(storage);
      full = true;
      const step = async () => {
        await trainer.takeStep();
        await trainer.takeStep(); // moments are written a step later
      };
      await expectCode(step(), "out-of-space", /the disk is full/);
      await expectCode(trainer.takeStep(), "diverged", /restore a checkpoint/);
      full = false;
      await trainer.restore(storage);
      await trainer.takeStep();
      await trainer.takeStep();
      await trainer.save(directoryStorage(join(temporaryFolder(), "after")));
      await whole.save(directoryStorage(join(temporaryFolder(), "whole")));
      expect(await contentsOf(trainer)).toEqual(await contentsOf(whole));
    }
  });
});

describe("a folder of checkpoints", () => {
  it("keeps the newest, and what a killed save left is no checkpoint", async () => {
    const folder = checkpointFolder(join(temporaryFolder(), "run"), { keep: 2 });
    expect(await folder.latest()).toBeUndefined();
    const trainer = await tinyTrainer();
    const result = await runTraining(trainer, { checkpoints: folder, saveEvery: 6 });
    expect(result.ended).toBe("finished");
    expect((await folder.list()).map(({ step }) => step)).toEqual([18, 20]);
    const again = await folder.save(trainer); // it is there already
    expect(again.step).toBe(20);
    const half = directoryStorage(join(folder.path, "step-00000030"));
    await half.write("config.json", Uint8Array.of(1));
    expect((await folder.latest())?.step).toBe(20);
    const other = await tinyTrainer();
    await other.takeStep();
    await folder.save(other);
    expect(readdirSync(folder.path).sort()).toEqual(["step-00000018", "step-00000020"]);
  });

  it("a disk that fills during any write leaves no half checkpoint, and the next save is whole", async () => {
    const trainer = await tinyTrainer();
    await trainer.takeStep();
    const place = temporaryFolder();
    await trainer.save(directoryStorage(join(place, "before"))); // moments are in their store then
    const expected = await contentsOf(trainer);
    for (let writes = 0; ; writes++) {
      const inner = directoryStorage(join(place, `try-${writes}`));
      let left = writes;
      const full: CheckpointStorage = {
        ...inner,
        write(file, bytes) {
          if (left-- > 0) return inner.write(file, bytes);
          throw new EngramError({ code: "out-of-space", operation: "write", message: "the disk is full" });
        },
      };
      const outcome = await trainer.save(full).then(
        () => "saved",
        (error: unknown) => (isEngramError(error, "out-of-space") ? "full" : String(error)),
      );
      const resumed = await tinyTrainer();
      if (outcome === "full") {
        await expectCode(resumed.restore(inner), "not-found", /its save did not end/);
        await trainer.save(inner); // taken up
      } else expect(outcome).toBe("saved");
      const fresh = await tinyTrainer();
      await fresh.restore(inner);
      expect(await contentsOf(fresh)).toEqual(expected);
      if (outcome === "saved") {
        expect(writes).toBeGreaterThan(5);
        return;
      }
    }
  });

  it("ends a run after the step where it is asked to, and saves; names the last checkpoint where it diverges", async () => {
    const folder = checkpointFolder(join(temporaryFolder(), "run"));
    const trainer = await tinyTrainer();
    const stop = new AbortController();
    const seen: number[] = [];
    const result = await runTraining(trainer, {
      checkpoints: folder,
      signal: stop.signal,
      onStep({ step }) {
        seen.push(step);
        if (step === 3) stop.abort();
      },
    });
    expect(result).toMatchObject({ ended: "aborted", step: 3 });
    expect(seen).toEqual([1, 2, 3]);
    expect((await folder.list()).map(({ step }) => step)).toEqual([3]);
    trainer.model.parameters.get("norm.weight")?.values.fill(Number.POSITIVE_INFINITY);
    await expectCode(
      runTraining(trainer, { checkpoints: folder }),
      "diverged",
      /step 4 .* the last good checkpoint is .*step-00000003/,
    );
    await expectCode(trainer.save(directoryStorage(join(folder.path, "x"))), "diverged", /restore a checkpoint/);
    const latest = await folder.latest();
    if (latest !== undefined) await trainer.restore(latest.storage);
    expect((await trainer.takeStep()).loss).toBeLessThan(4);
  });
});

describe("a checkpoint that does not fit", () => {
  it("of another model, other optimizers, or damaged, is refused before anything changes", async () => {
    const trainer = await tinyTrainer();
    await trainer.takeStep();
    const folder = join(temporaryFolder(), "saved");
    await trainer.save(directoryStorage(folder));
    const files = readdirSync(folder);
    expect(files.filter((name) => name.startsWith("rows-"))).toEqual([
      "rows-0-00001.safetensors",
      "rows-1-00001.safetensors",
    ]);
    const refused = async (code: ErrorCode, message: RegExp, config = {}, spec = tinySpec()) => {
      const other = await tinyTrainer(config, spec);
      const before = await contentsOf(other);
      await expectCode(other.restore(directoryStorage(folder)), code, message);
      expect(await contentsOf(other)).toEqual(before);
      await other.takeStep(); // it is as good as before
    };
    await refused("manifest-mismatch", /another run's: its config.json/, {}, tinySpec("separate"));
    await refused("manifest-mismatch", /trained by another optimizer/, { matrices: "adamw" });
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write("optimizer-00001.safetensors", "short");
    await refused("truncated", /optimizer-00001/);
    for (const text of ["{", "[]", '{"version":2}', '{"version":1,"step":-1}']) {
      write("training.json", text);
      await refused("invalid-manifest", /training.json/);
    }
    const path = `{"name":"../x","bytes":1,"sha256":"${"0".repeat(64)}"}`;
    write("training.json", `{"version":1,"step":1,"position":{},"config":{},"optimizer":[${path}],"tables":[]}`);
    await refused("invalid-manifest", /plain name/);
  });

  it("needs the initial rows where rows may have changed after it", async () => {
    const trainer = await tinyTrainer();
    const storage = directoryStorage(join(temporaryFolder(), "saved"));
    await trainer.save(storage);
    await trainer.takeStep();
    for (const table of trainer.tables.values()) Object.assign(table, { initial: undefined });
    await expectCode(trainer.restore(storage), "invalid-argument", /give the table's initial rows/);
  });
});

async function expectCode(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  await promise.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => {
      expect(isEngramError(error, code), String(error)).toBe(true);
      expect(String(error)).toMatch(message);
    },
  );
}
