// Loading: what was saved, in whole and in part with no byte too many; damaged files, tensors that are missing, left
// over, misshapen or of another type, each named; the manifest of tables beside a checkpoint.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { INDEX_NAME } from "../../src/checkpoint/checkpoint-index.js";
import {
  createAddressing,
  encodeSafetensors,
  isEngramError,
  loadCheckpoint,
  modelParameters,
  modelPreset,
  type NamedTensor,
  openCheckpoint,
  parseAddressingConfig,
  parseSafetensorsHeader,
  readSafetensors,
  saveCheckpoint,
  serializeManifest,
  type TensorData,
  tensorFloat32,
} from "../../src/index.js";
import { uniformValues } from "../../src/model/uniform-values.js";
import { expectCode } from "../model/expect-code.js";
import { SMALL_PRESETS } from "../model/model-fixture.js";
import { oracleShard, SPEC, weights } from "./checkpoint-model.js";
import { type MemoryStorage, memoryStorage } from "./memory-storage.js";

const QUERY = "blocks.0.attention.query.weight";

async function saved(options: Parameters<typeof saveCheckpoint>[3] = {}): Promise<MemoryStorage> {
  const storage = memoryStorage();
  await saveCheckpoint(storage, SPEC, weights(), options);
  return storage;
}

describe("what was saved", () => {
  it.each(SMALL_PRESETS)("%s comes back to the bit", async (preset) => {
    const spec = modelPreset(preset);
    const parameters = new Map<string, NamedTensor>();
    modelParameters(spec).forEach(({ name, shape, component }, i) => {
      if (component === "engram tables") return;
      const size = shape.reduce((product, side) => product * side, 1);
      parameters.set(name, { shape, values: uniformValues(size, 1, 1, i) });
    });
    const storage = memoryStorage();
    await saveCheckpoint(storage, spec, parameters, { shardBytes: 2 ** 16 });
    expect(await loadCheckpoint(storage)).toEqual({ spec, parameters });
  });

  it("comes back rounded to bfloat16, or to codes times scales in float32", async () => {
    const bf16 = readSafetensors(oracleShard("bf16"));
    for (const [name, { values }] of (await loadCheckpoint(await saved({ encoding: "bf16" }))).parameters) {
      expect(values).toEqual(tensorFloat32(bf16, name));
    }
    const int8 = readSafetensors(oracleShard("int8"));
    const { parameters } = await loadCheckpoint(await saved({ encoding: "int8" }));
    const { begin = 0, end = 0 } = int8.header.tensors.get(QUERY) ?? {};
    const scales = tensorFloat32(int8, `${QUERY}.scale`);
    const codes = new Int8Array(int8.bytes.slice(begin, end).buffer);
    expect(parameters.get(QUERY)?.values).toEqual(Float32Array.from(codes, (q, i) => q * (scales[(i / 6) | 0] ?? 0)));
    const original = weights();
    for (const [name, { shape, values }] of parameters) {
      const width = shape.at(-1) ?? 1;
      const scale = int8.header.tensors.has(`${name}.scale`) ? tensorFloat32(int8, `${name}.scale`) : undefined;
      original.get(name)?.values.forEach((x, i) => {
        const bound = scale === undefined ? 0 : ((scale[Math.floor(i / width)] ?? 0) / 2) * (1 + 2 ** -16);
        expect(Math.abs(x - (values[i] ?? Number.NaN))).toBeLessThanOrEqual(bound);
      });
    }
  });

  it("is read in part with no byte too many", async () => {
    const storage = await saved({ shardBytes: 400, encoding: "int8" });
    storage.bytesRead.clear();
    const { parameters } = await loadCheckpoint(storage, { only: ["norm", "blocks.0.attention"] });
    expect([...parameters.keys()]).toEqual([
      QUERY,
      "blocks.0.attention.key.weight",
      "blocks.0.attention.value.weight",
      "blocks.0.attention.output.weight",
      "norm.weight",
    ]);
    const { weight_map: map } = JSON.parse(new TextDecoder().decode(storage.files.get(INDEX_NAME)));
    const expected = new Map<string, number>();
    for (const file of ["config.json", INDEX_NAME]) expected.set(file, storage.files.get(file)?.length ?? 0);
    for (const name of [...parameters.keys()].flatMap((one) => [one, `${one}.scale`])) {
      const file = map[name];
      if (file === undefined) continue;
      const bytes = storage.files.get(file) ?? new Uint8Array(0);
      const { dataBegin, tensors } = parseSafetensorsHeader(bytes, bytes.length);
      const { begin = 0, end = 0 } = tensors.get(name) ?? {};
      expected.set(file, (expected.get(file) ?? dataBegin) + end - begin);
    }
    expect(storage.bytesRead).toEqual(expected);
  });

  it("is read one parameter at a time", async () => {
    const checkpoint = await openCheckpoint(await saved(), { only: [QUERY] });
    expect(checkpoint.spec).toEqual(SPEC);
    expect(await checkpoint.read(QUERY)).toEqual(weights().get(QUERY));
    await expectCode(checkpoint.read("norm.weight"), "not-found", /"norm.weight" is not among those/);
  });
});

describe("damage", () => {
  const shard = "model-00001-of-00001.safetensors";

  it("a flipped bit in any tensor is found, and which", async () => {
    const storage = await saved({ encoding: "int8" });
    const bytes = storage.files.get(shard) ?? new Uint8Array(0);
    for (const { name, begin } of parseSafetensorsHeader(bytes, bytes.length).tensors.values()) {
      bytes[begin] = (bytes[begin] ?? 0) ^ 0x40;
      const error = await loadCheckpoint(storage).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: "digest-mismatch", context: { tensor: name, shard } });
      bytes[begin] = (bytes[begin] ?? 0) ^ 0x40;
    }
    await loadCheckpoint(storage);
  });

  it("off means off", async () => {
    const storage = await saved();
    const bytes = storage.files.get(shard);
    if (bytes !== undefined) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await expectCode(loadCheckpoint(storage), "digest-mismatch", /was damaged or changed/);
    await loadCheckpoint(storage, { verify: "off" });
  });

  const cut = (bytes: Uint8Array, length: number) => bytes.slice(0, length);
  it.each<[string, (files: Map<string, Uint8Array>) => void, Parameters<typeof expectCode>[1], RegExp]>([
    [
      "a cut shard",
      (files) => edit(files, shard, (bytes) => cut(bytes, bytes.length - 1)),
      "truncated",
      /has \d+ bytes/,
    ],
    ["an empty shard", (files) => edit(files, shard, (bytes) => cut(bytes, 0)), "truncated", /has 0 bytes/],
    ["a missing shard", (files) => files.delete(shard), "not-found", /model-00001.*the index names it/],
    [
      "a broken header",
      (files) => edit(files, shard, (bytes) => bytes.fill(0x20, 8, 12)),
      "invalid-safetensors",
      /model-00001-of-00001.safetensors in memory: the header must begin/,
    ],
    ["a missing config.json", (files) => files.delete("config.json"), "not-found", /no config.json/],
    [
      "another config.json",
      (files) => edit(files, "config.json", (bytes) => Uint8Array.of(...bytes, 10)),
      "digest-mismatch",
      /config.json in memory is not the one/,
    ],
    [
      "an index that is no JSON",
      (files) => edit(files, INDEX_NAME, (bytes) => cut(bytes, 50)),
      "invalid-manifest",
      /JSON/,
    ],
    [
      "an index without a map",
      (files) => editIndex(files, (index) => delete index.weight_map),
      "invalid-manifest",
      /weight_map is missing/,
    ],
    [
      "an index that leads out",
      (files) => editIndex(files, (index) => (index.weight_map[QUERY] = "../model.safetensors")),
      "invalid-manifest",
      /query.weight"\] is "..\/model.safetensors"; use the plain name/,
    ],
    [
      "an index of a newer version",
      (files) => editIndex(files, (index) => (index.metadata.engram_checkpoint = 2)),
      "unsupported",
      /engram_checkpoint is 2/,
    ],
    [
      "an index without a digest",
      (files) => editIndex(files, (index) => delete index.metadata.tensors[QUERY]),
      "invalid-manifest",
      /metadata.tensors\["blocks.0.attention.query.weight"\] is missing/,
    ],
    [
      "a digest that is none",
      (files) => editIndex(files, (index) => (index.metadata.tensors[QUERY] = "0")),
      "invalid-manifest",
      /use a SHA-256/,
    ],
    [
      "a tensor that the index lacks",
      (files) => editIndex(files, (index) => delete index.weight_map[QUERY]),
      "not-found",
      /tensor "blocks.0.attention.query.weight" is in none of the 1 files/,
    ],
    [
      "a tensor that the shard lacks",
      (files) => editIndex(files, rename(QUERY, "blocks.0.attention.query.weight2")),
      "manifest-mismatch",
      /has tensors that the model has not: "blocks.0.attention.query.weight2"/,
    ],
    [
      "a tensor that is in another shard",
      (files) => {
        edit(files, "other.safetensors", () => encodeSafetensors(new Map()));
        editIndex(files, (index) => {
          index.weight_map[QUERY] = "other.safetensors";
          index.metadata.shards["other.safetensors"] = { bytes: 16, sha256: "0".repeat(64) };
        });
      },
      "manifest-mismatch",
      /says that other.safetensors has tensor "blocks.0.attention.query.weight", and it has not/,
    ],
  ])("%s is refused", async (_, damage, code, message) => {
    const storage = await saved();
    damage(storage.files);
    await expectCode(loadCheckpoint(storage), code, message);
  });
});

it("a changed or cut byte anywhere gives a typed error or the same weights", async () => {
  const { files } = await saved({ shardBytes: 400, encoding: "int8" });
  const expected = (await loadCheckpoint(memoryStorage(files))).parameters;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files.keys()),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 0, max: 255 }), // 0 cuts
      async (file, share, change) => {
        const bytes = (files.get(file) ?? new Uint8Array(0)).slice();
        const at = Math.floor(share * bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const storage = memoryStorage(new Map(files).set(file, change === 0 ? bytes.subarray(0, at) : bytes));
        try {
          expect((await loadCheckpoint(storage)).parameters).toEqual(expected);
        } catch (error) {
          if (!isEngramError(error)) throw error;
        }
      },
    ),
    { numRuns: 400 },
  );
});

describe("files of others", () => {
  const tensors = (): Map<string, TensorData> =>
    new Map([...weights()].map(([name, { shape, values }]) => [name, { dtype: "F32", shape, data: values }]));
  const one = (all: ReadonlyMap<string, TensorData>) => memoryStorage([["model.safetensors", encodeSafetensors(all)]]);

  it("one file without an index or digests is read with a specification", async () => {
    expect((await loadCheckpoint(one(tensors()), { spec: SPEC })).parameters).toEqual(weights());
  });

  it("float16 is widened", async () => {
    const data = Uint16Array.from({ length: 6 }, (_, i) => 0x3c00 + i); // 1 + i / 1024
    const storage = one(tensors().set("norm.weight", { dtype: "F16", shape: [6], data }));
    const { parameters } = await loadCheckpoint(storage, { spec: SPEC, only: ["norm"] });
    expect(parameters.get("norm.weight")?.values).toEqual(Float32Array.from(data, (_, i) => 1 + i / 1024));
  });

  it.each<[string, readonly [string, TensorData], Parameters<typeof expectCode>[1], RegExp]>([
    [
      "another shape",
      [QUERY, { dtype: "F32", shape: [6, 8], data: new Float32Array(48) }],
      "manifest-mismatch",
      /query.weight" in memory has shape \[6, 8\], and the model makes it \[8, 6\]/,
    ],
    [
      "another rank",
      [QUERY, { dtype: "F32", shape: [48], data: new Float32Array(48) }],
      "manifest-mismatch",
      /has shape \[48\]/,
    ],
    [
      "another type",
      [QUERY, { dtype: "F64", shape: [8, 6], data: new Float64Array(48) }],
      "unsupported",
      /query.weight" in memory is F64/,
    ],
    [
      "int8 without scales",
      [QUERY, { dtype: "I8", shape: [8, 6], data: new Int8Array(48) }],
      "not-found",
      /query.weight.scale" is in none/,
    ],
    [
      "scales of what is no int8",
      [`${QUERY}.scale`, { dtype: "F32", shape: [8], data: new Float32Array(8) }],
      "unsupported",
      /query.weight" in memory is F32, and I8/,
    ],
    [
      "a tensor too many",
      ["model.rotary", { dtype: "F32", shape: [1], data: new Float32Array(1) }],
      "manifest-mismatch",
      /"model.rotary"/,
    ],
  ])("%s is refused, naming the tensor", async (_, [name, tensor], code, message) => {
    await expectCode(loadCheckpoint(one(tensors().set(name, tensor)), { spec: SPEC }), code, message);
  });

  it("ignores what it is told to", async () => {
    const storage = one(tensors().set("model.rotary", { dtype: "I64", shape: [1], data: new BigInt64Array(1) }));
    await loadCheckpoint(storage, { spec: SPEC, ignore: ["model"] });
    await expectCode(loadCheckpoint(storage, { spec: SPEC, ignore: ["mod"] }), "manifest-mismatch", /model.rotary/);
  });

  it.each([
    ["only", { only: ["blocks.1"] }, /options.only names "blocks.1"/],
    ["verify", { verify: "on" as "off" }, /options.verify is "on"/],
    ["names", { names: new Map([[QUERY, []]]) }, /the pieces of "blocks.0.attention.query.weight" have 0 values/],
  ])("refuses the option %s", async (_, options, message) => {
    const storage = one(tensors());
    const ignore = "names" in options ? [QUERY] : [];
    await expectCode(loadCheckpoint(storage, { spec: SPEC, ignore, ...options }), "invalid-argument", message);
  });
});

describe("tables beside a checkpoint", () => {
  const spec = modelPreset("tiny-gqa-dense");
  const parameters = new Map<string, NamedTensor>();
  for (const { name, shape, component } of modelParameters(spec)) {
    const values = new Float32Array(component === "engram tables" ? 0 : shape.reduce((a, b) => a * b, 1));
    if (component !== "engram tables") parameters.set(name, { shape, values });
  }
  const manifest = (seed: number) => {
    if (spec.memory === undefined) throw new Error("the preset has a memory");
    const addressing = parseAddressingConfig({ ...spec.memory.addressing, seed });
    const derived = createAddressing(addressing).derivation();
    const { layer = 0, rows = 0 } = derived.layers[0] ?? {};
    const data = { uri: "rows.bin", bytes: rows * 12, offset: 0, stride: 12 };
    const module = { layer, rows, encoding: spec.memory.encoding, parts: [{ firstRow: 0, rows, data }] };
    const text = serializeManifest({ format: "engram", version: 1, addressing, derived, modules: [module] });
    return new TextEncoder().encode(text);
  };

  it("are those that it was saved with", async () => {
    const storage = memoryStorage([["engram.json", manifest(0)]]);
    await saveCheckpoint(storage, spec, parameters);
    expect((await (await openCheckpoint(storage)).manifest())?.addressing).toEqual(spec.memory?.addressing);
    edit(storage.files, "engram.json", (bytes) => Uint8Array.of(...bytes, 10));
    await expectCode((await openCheckpoint(storage)).manifest(), "digest-mismatch", /another one/);
    storage.files.delete("engram.json");
    await expectCode((await openCheckpoint(storage)).manifest(), "not-found", /not there/);
  });

  it("are the model's", async () => {
    const storage = memoryStorage([["engram.json", manifest(1)]]);
    await expectCode(saveCheckpoint(storage, spec, parameters), "manifest-mismatch", /addressing.seed is 1.*has 0/);
  });
});

function edit(files: Map<string, Uint8Array>, name: string, change: (bytes: Uint8Array) => Uint8Array): void {
  files.set(name, change((files.get(name) ?? new Uint8Array(0)).slice()));
}

// biome-ignore lint/suspicious/noExplicitAny: JSON that is about to be broken in ways that no type allows
function editIndex(files: Map<string, Uint8Array>, change: (index: any) => unknown): void {
  edit(files, INDEX_NAME, (bytes) => {
    const index = JSON.parse(new TextDecoder().decode(bytes));
    change(index);
    return new TextEncoder().encode(JSON.stringify(index));
  });
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function rename(from: string, to: string): (index: any) => void {
  return ({ weight_map: map, metadata: { tensors } }) => {
    [map[to], tensors[to]] = [map[from], tensors[from]];
    delete map[from];
    delete tensors[from];
  };
}
