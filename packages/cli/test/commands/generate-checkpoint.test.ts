// Text out of checkpoints, from folders and object stores, with the tables beside them or elsewhere; and on engines: the
// same greedy text as the reference.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  modelParameters,
  modelPreset,
  type NamedTensor,
  type ReferenceTensor,
  randomParameters,
  referenceBackend,
  saveCheckpoint,
} from "@engram-ts/core";
import { directoryStorage } from "@engram-ts/store-file";
import { type FakeS3, fakeS3 } from "@engram-ts/store-kit";
import { s3Storage } from "@engram-ts/store-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectEngines } from "../../../backend-gpu/src/index.js";
import { type TableRuns, tableRuns } from "../table-runs.js";

let runs: TableRuns;
let s3: FakeS3;
const saved = new Map<string, string | undefined>();
const spec = modelPreset("tiny-mla-moe");
const prompt = ["--prompt", "Only Alexander the Great", "--max-tokens", "10", "--temperature", "0"];
const random = ["generate", "--preset", "tiny-mla-moe", "--seed", "3", ...prompt];

beforeAll(async () => {
  s3 = await fakeS3({ seed: 1 });
  const env = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
  };
  for (const [name, value] of Object.entries(env)) {
    saved.set(name, process.env[name]);
    process.env[name] = value;
  }
  runs = await tableRuns("checkpoint", env);
  const backend = referenceBackend();
  const uploaded = randomParameters(backend, spec, { seed: 3 });
  const parameters = new Map<string, NamedTensor>();
  for (const { name } of modelParameters(spec)) {
    const tensor: ReferenceTensor | undefined = uploaded.get(name);
    if (tensor !== undefined) parameters.set(name, { shape: tensor.shape, values: Float32Array.from(tensor.values) });
  }
  // the tables of the seed lie beside the checkpoint
  await runs.json(...random, "--tables", "file:./model");
  await runs.json(...random, "--tables", "s3://tables/tiny");
  await saveCheckpoint(directoryStorage(join(runs.folder, "model")), spec, parameters);
  await saveCheckpoint(directoryStorage(join(runs.folder, "bare")), spec, parameters);
  const storage = await s3Storage({ bucket: "tables", prefix: "tiny" });
  await saveCheckpoint(storage, spec, parameters);
  storage.close();
});

afterAll(async () => {
  for (const [name, value] of saved) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await s3.close();
  await runs.remove();
});

describe("engram generate --checkpoint", () => {
  it("gives the text of the same weights, from a folder and from an object store, tables beside it or elsewhere", async () => {
    const expected = await runs.json(...random);
    expect(expected.ids).toHaveLength(10);
    for (const place of ["./model", "file:./model", "s3://tables/tiny"]) {
      expect(await runs.json("generate", "--checkpoint", place, ...prompt), place).toEqual(expected);
    }
    const elsewhere = ["--checkpoint", "./bare", "--tables", "dram(64KiB) > file:./model"];
    expect(await runs.json("generate", ...elsewhere, ...prompt)).toEqual(expected);
  });

  it("refuses a place without one, tables that are nowhere, and two models at once", async () => {
    await mkdir(join(runs.folder, "empty"));
    expect((await runs.refused("generate", "--checkpoint", "./empty", ...prompt)).code).toBe("not-found");
    expect((await runs.refused("generate", "--checkpoint", "./bare", ...prompt)).code).toBe("not-found");
    const both = await runs.refused("generate", "--checkpoint", "./model", "--preset", "tiny", ...prompt);
    expect(both.message).toContain("either --preset NAME or --spec FILE or --checkpoint PLACE");
  });
});

describe("engram inspect --checkpoint", () => {
  it("says what it is, without reading a value", async () => {
    const result = await runs.json("inspect", "--checkpoint", "./model");
    expect(result.tables).toEqual({ uri: "file:./model", modules: 2 });
    expect(result.tensors).toHaveLength(
      modelParameters(spec).filter((one) => one.component !== "engram tables").length,
    );
    expect((await runs.json("inspect", "--checkpoint", "./bare")).tables).toBeNull();
    const { stdout } = await runs.run("inspect", "--checkpoint", "s3://tables/tiny");
    expect(stdout).toContain("model   tiny-mla-moe: ");
    expect(stdout).toContain("2 beside it: s3://tables/tiny");
    expect((await runs.refused("inspect", "file:./model", "--checkpoint", "./model")).code).toBe("invalid-argument");
    expect((await runs.refused("inspect")).message).toContain("give the URI of tables, or --checkpoint PLACE");
  });
});

describe("engram generate --engine", () => {
  it("gives the reference's greedy text on every engine and device that is here", async () => {
    const expected = await runs.json(...random);
    const reports = await inspectEngines();
    const devices = reports.flatMap(({ engine, devices: own }) =>
      own.filter(({ kind }) => kind !== "software").map(({ name }) => ({ engine, name })),
    );
    let ran = 0;
    for (const { engine, name } of devices) {
      if (engine === "reference") continue;
      const { engine: chosen, ...found } = await runs.json(...random, "--engine", engine, "--device", name);
      expect(chosen).toMatchObject({ engine, device: name });
      expect(found, `${engine} ${name}`).toEqual(expected);
      ran++;
    }
    expect(ran).toBe(devices.length - 1);
    const { engine: chosen, ...found } = await runs.json(...random, "--engine", "auto");
    expect(found).toEqual(expected);
    expect(chosen).toMatchObject({ engine: devices.length > 1 ? expect.stringMatching(/ggml|tfjs/) : "reference" });
  });

  it.each([
    ["--engine", "ggml", "--device", "CPU", "--threads", "2"],
    ["--engine", "tfjs", "--backend", "wasm"],
    ["--engine", "tfjs", "--backend", "cpu"],
  ])("gives it by name, from a checkpoint, too: %s %s %s %s", async (...engine) => {
    const expected = await runs.json(...random);
    const { engine: chosen, ...found } = await runs.json("generate", "--checkpoint", "./model", ...prompt, ...engine);
    expect(chosen).toMatchObject({ engine: engine[1], device: engine[3] });
    expect(found).toEqual(expected);
  });

  it("refuses names that there are not, and options that do not go together", async () => {
    const engine = await runs.refused(...random, "--engine", "cuda");
    expect(engine.message).toContain("--engine is cuda; use one of auto, ggml, tfjs, reference");
    const device = await runs.refused(...random, "--engine", "auto", "--device", "Vulkan9");
    expect(device.message).toMatch(/device is "Vulkan9"; there are .*reference cpu/);
    expect((await runs.refused(...random, "--device", "CPU")).message).toContain("the reference has none");
    expect((await runs.refused(...random, "--backend", "wasm")).message).toContain("give --engine tfjs, too");
    const twice = await runs.refused(...random, "--engine", "tfjs", "--backend", "wasm", "--device", "cpu");
    expect(twice.message).toContain("name the same thing");
    const { exitCode } = await runs.run(...random, "--engine", "ggml", "--threads", "0");
    expect(exitCode).toBe(2);
  });
});
