// Checkpoints in an object store: saved and loaded over HTTP while the server fails now and then, read in part by ranges,
// large files in parts, versions never mixed.

import {
  type CheckpointStorage,
  isEngramError,
  loadCheckpoint,
  modelPreset,
  randomParameters,
  referenceBackend,
  saveCheckpoint,
} from "@engram-ts/core";
import { type FakeS3, fakeS3 } from "@engram-ts/store-kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type S3Storage, type S3StorageOptions, s3Storage } from "../src/index.js";

const SPEC = modelPreset("tiny-gqa-dense");
const PARAMETERS = new Map(
  [...randomParameters(referenceBackend(), SPEC, { seed: 5 })].map(([name, { shape, values }]) => [
    name,
    { shape, values: Float32Array.from(values) },
  ]),
);

let s3: FakeS3;
const open: S3Storage[] = [];
beforeEach(async () => {
  s3 = await fakeS3({ seed: 3 });
});
afterEach(async () => {
  for (const storage of open.splice(0)) storage.close();
  await s3.close();
});

async function storageAt(prefix: string, options: Partial<S3StorageOptions> = {}): Promise<S3Storage> {
  const storage = await s3Storage({ bucket: "tables", prefix, clientConfig: s3.clientConfig, ...options });
  open.push(storage);
  return storage;
}

const codeOf = (run: Promise<unknown>) => run.then(String, (error) => (isEngramError(error) ? error.code : error));

test("a checkpoint is saved and loaded while requests fail", async () => {
  s3.setFaults({ share: 0.15, kinds: ["slow-down", "reset-in-body"] });
  const storage = await storageAt("models/tiny", { maxRequestBytes: 5_000 });
  expect(storage.name).toBe("s3://tables/models/tiny");
  const { shards } = await saveCheckpoint(storage, SPEC, PARAMETERS, { shardBytes: 30_000 });
  expect(s3.keys("tables")).toEqual(
    ["config.json", ...shards, "model.safetensors.index.json"].map((file) => `models/tiny/${file}`).sort(),
  );
  const other = await storageAt("models/tiny/");
  expect(await loadCheckpoint(other)).toEqual({ spec: SPEC, parameters: PARAMETERS });
  expect(s3.stats().faults).not.toEqual({});
});

test("a part of a checkpoint is streamed by its ranges alone", async () => {
  await saveCheckpoint(await storageAt("m"), SPEC, PARAMETERS);
  const shard = s3.get("tables", "m/model-00001-of-00001.safetensors")?.length ?? 0;
  const storage = await storageAt("m");
  let read = 0;
  const counting: CheckpointStorage = {
    ...storage,
    read(file, offset, length) {
      read += length;
      return storage.read(file, offset, length);
    },
  };
  const before = s3.stats().bytes;
  const { parameters } = await loadCheckpoint(counting, { only: ["blocks.1.attention"] });
  expect([...parameters]).toEqual([...PARAMETERS].filter(([name]) => name.startsWith("blocks.1.attention.")));
  expect(s3.stats().bytes - before).toBe(read);
  expect(read).toBeLessThan(shard / 2);
});

test("a killed save is taken up", async () => {
  const storage = await storageAt("m");
  const options = { shardBytes: 30_000 };
  let left = 3;
  const killed: CheckpointStorage = {
    ...storage,
    write: (file, bytes) => (left-- > 0 ? storage.write(file, bytes) : Promise.reject(new Error("killed"))),
  };
  await expect(saveCheckpoint(killed, SPEC, PARAMETERS, options)).rejects.toThrow("killed");
  expect(await codeOf(loadCheckpoint(storage))).toBe("not-found");
  const { written, shards } = await saveCheckpoint(await storageAt("m"), SPEC, PARAMETERS, options);
  expect(written).toEqual([...shards.slice(2), "model.safetensors.index.json"]);
  expect((await loadCheckpoint(storage)).parameters).toEqual(PARAMETERS);
});

test("large files go and come in parts", async () => {
  const storage = await storageAt("m", { maxRequestBytes: 5 * 2 ** 20 });
  const bytes = Uint8Array.from({ length: 11 * 2 ** 20 + 3 }, (_, i) => (i * 2654435761) >>> 13);
  await storage.write("model.safetensors", bytes);
  expect(s3.stats().byOperation).toMatchObject({ UploadPart: 3 });
  expect(await storage.size("model.safetensors")).toBe(bytes.length);
  expect(Buffer.compare(await storage.read("model.safetensors", 7, bytes.length - 7), bytes.subarray(7))).toBe(0);
  expect(await storage.read("model.safetensors", 5, 0)).toEqual(new Uint8Array(0));
});

test("versions are not mixed, and what is not there is named", async () => {
  const storage = await storageAt("m");
  await storage.write("a", Uint8Array.of(1, 2, 3));
  expect(await storage.size("a")).toBe(3);
  s3.put("tables", "m/a", Uint8Array.of(4, 5, 6, 7));
  expect(await codeOf(storage.read("a", 0, 2))).toBe("manifest-mismatch");
  expect(await storage.size("b")).toBeUndefined();
  expect(await codeOf(storage.read("b", 0, 1))).toBe("not-found");
  expect(await codeOf(storageAt("../m"))).toBe("invalid-argument");
  expect(await codeOf(storageAt("m", { concurrency: 0 }))).toBe("invalid-argument");
});
