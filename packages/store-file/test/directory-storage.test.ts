// Checkpoints in folders: saved, loaded, taken up after a kill, and what the disk may do to them.

import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CheckpointStorage,
  isEngramError,
  loadCheckpoint,
  modelPreset,
  randomParameters,
  referenceBackend,
  saveCheckpoint,
} from "@engram-ts/core";
import { afterAll, expect, it } from "vitest";
import { directoryStorage } from "../src/index.js";
import { removeFolders, temporaryFolder } from "./table-files.js";

afterAll(removeFolders);

const SPEC = modelPreset("tiny-gqa-dense");
const PARAMETERS = new Map(
  [...randomParameters(referenceBackend(), SPEC, { seed: 5 })].map(([name, { shape, values }]) => [
    name,
    { shape, values: Float32Array.from(values) },
  ]),
);
const INDEX = "model.safetensors.index.json";

const codeOf = (run: Promise<unknown>) => run.then(String, (error) => (isEngramError(error) ? error.code : error));

it("saves and loads a model", async () => {
  const folder = join(temporaryFolder(), "runs", "step-1000"); // made when it is needed
  const { shards } = await saveCheckpoint(directoryStorage(folder), SPEC, PARAMETERS, { shardBytes: 30_000 });
  expect(readdirSync(folder).sort()).toEqual(["config.json", ...shards, INDEX].sort()); // nothing temporary is left
  expect(await loadCheckpoint(directoryStorage(folder))).toEqual({ spec: SPEC, parameters: PARAMETERS });
});

it("takes up a save that was killed, whatever it left", async () => {
  const folder = temporaryFolder();
  const storage = directoryStorage(folder);
  let left = 3;
  const killed: CheckpointStorage = {
    ...storage,
    write(file, bytes) {
      if (left-- > 0) return storage.write(file, bytes);
      writeFileSync(join(folder, `${file}.new`), bytes.subarray(0, 100)); // killed before its name was given
      return Promise.reject(new Error("killed"));
    },
  };
  const options = { shardBytes: 30_000 };
  await expect(saveCheckpoint(killed, SPEC, PARAMETERS, options)).rejects.toThrow("killed");
  expect(existsSync(join(folder, INDEX))).toBe(false);
  expect(await codeOf(loadCheckpoint(storage))).toBe("not-found");
  const { shards, written } = await saveCheckpoint(storage, SPEC, PARAMETERS, options);
  expect(written).toEqual([...shards.slice(2), INDEX]);
  expect((await loadCheckpoint(storage)).parameters).toEqual(PARAMETERS);
});

it("says what is wrong with a file", async () => {
  const folder = temporaryFolder();
  const storage = directoryStorage(folder);
  const { shards } = await saveCheckpoint(storage, SPEC, PARAMETERS);
  const path = join(folder, shards[0] ?? "");
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
  expect(await codeOf(loadCheckpoint(storage))).toBe("digest-mismatch");
  truncateSync(path, bytes.length - 1);
  expect(await codeOf(loadCheckpoint(storage))).toBe("truncated");
  expect(await codeOf(storage.read(shards[0] ?? "", bytes.length - 10, 10))).toBe("truncated");
  expect(await codeOf(storage.read("none", 0, 1))).toBe("not-found");
  expect(await storage.size("none")).toBeUndefined();
  mkdirSync(join(folder, "folder"));
  expect(await codeOf(storage.read("folder", 0, 1))).toBe("io");
  expect(await codeOf(loadCheckpoint(directoryStorage(join(folder, "none"))))).toBe("not-found");
});

it.each(["../a", "a/b", "", ".a", "/a", "a\0"])("takes no file named %j", async (file) => {
  const storage = directoryStorage(temporaryFolder());
  expect(await codeOf(storage.size(file))).toBe("invalid-argument");
  expect(await codeOf(storage.write(file, new Uint8Array(1)))).toBe("invalid-argument");
});

it.each(["", "a\0", undefined as unknown as string])("takes no folder named %j", (folder) => {
  expect(() => directoryStorage(folder)).toThrow(/use the path of a folder/);
});
