// Saving: the bytes that numpy and the format's reference implementation write, shards, saves that are killed at every
// write and taken up, checkpoints that are there already, and what is refused.

import { describe, expect, it } from "vitest";
import { INDEX_NAME } from "../../src/checkpoint/checkpoint-index.js";
import { loadCheckpoint, modelParameters, modelPreset, type NamedTensor, saveCheckpoint } from "../../src/index.js";
import { expectCode } from "../model/expect-code.js";
import { DIGESTS, oracleShard, SPEC, weights } from "./checkpoint-model.js";
import { memoryStorage } from "./memory-storage.js";

const encodings = ["f32", "bf16", "int8"] as const;

describe("saveCheckpoint", () => {
  it.each(encodings)("writes in %s the bytes that the oracle wrote", async (encoding) => {
    const storage = memoryStorage();
    const saved = await saveCheckpoint(storage, SPEC, weights(), { encoding });
    const shard = "model-00001-of-00001.safetensors";
    expect(saved.shards).toEqual([shard]);
    expect(storage.files.get(shard)).toEqual(oracleShard(encoding));
    expect([...storage.files.keys()]).toEqual(["config.json", shard, INDEX_NAME]); // the index last
    const index = JSON.parse(text(storage.files.get(INDEX_NAME)));
    expect(index.metadata.shards).toEqual({ [shard]: { bytes: saved.bytes, sha256: DIGESTS[encoding] } });
  });

  it.each([1, 400, 10_000])("fills shards of %i bytes in the model's order", async (shardBytes) => {
    const storage = memoryStorage();
    const { shards } = await saveCheckpoint(storage, SPEC, weights(), { shardBytes, encoding: "int8" });
    const { weight_map: map } = JSON.parse(text(storage.files.get(INDEX_NAME)));
    const names = modelParameters(SPEC).map(({ name }) => name);
    const order = names.map((name) => shards.indexOf(map[name]));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(shards.length);
    if (shardBytes === 1) expect(shards.length).toBe(names.length); // scales stay with their values
    for (const name of names) expect(map[`${name}.scale`] ?? map[name]).toBe(map[name]);
    const loaded = await loadCheckpoint(storage);
    const whole = memoryStorage();
    await saveCheckpoint(whole, SPEC, weights(), { encoding: "int8" });
    expect(loaded).toEqual(await loadCheckpoint(whole));
  });

  it("is taken up after being killed at any write, and until then there is no checkpoint", async () => {
    const options = { shardBytes: 400 };
    const complete = memoryStorage();
    const { written } = await saveCheckpoint(complete, SPEC, weights(), options);
    expect(written.length).toBeGreaterThan(5);
    for (let writes = 0; writes < written.length; writes++) {
      const storage = memoryStorage();
      storage.writesLeft = writes;
      await expectCode(saveCheckpoint(storage, SPEC, weights(), options), "io", /killed/);
      await expectCode(loadCheckpoint(storage), "not-found", /neither model.safetensors.index.json.*interrupted/);
      storage.writesLeft = Number.POSITIVE_INFINITY;
      const again = await saveCheckpoint(storage, SPEC, weights(), options);
      expect(again.written).toEqual(written.slice(writes));
      expect(storage.files).toEqual(complete.files);
    }
  });

  it("writes a shard again that was cut or changed before the index came", async () => {
    const options = { shardBytes: 400 };
    const storage = memoryStorage();
    const { shards } = await saveCheckpoint(storage, SPEC, weights(), options);
    const [first = "", second = ""] = shards;
    storage.files.delete(INDEX_NAME);
    storage.files.set(first, new Uint8Array(storage.files.get(first) ?? []).subarray(1));
    flip(storage.files.get(second), -1);
    expect((await saveCheckpoint(storage, SPEC, weights(), options)).written).toEqual([first, second, INDEX_NAME]);
  });

  it("writes nothing where the checkpoint is there, and never over another one", async () => {
    const storage = memoryStorage();
    await saveCheckpoint(storage, SPEC, weights());
    const before = new Map(storage.files);
    expect((await saveCheckpoint(storage, SPEC, weights())).written).toEqual([]);
    const other = weights();
    other.get("norm.weight")?.values.fill(3);
    await expectCode(saveCheckpoint(storage, SPEC, other), "invalid-argument", /complete checkpoint/);
    await expectCode(
      saveCheckpoint(storage, { ...SPEC, normEpsilon: 1e-5 }, weights()),
      "invalid-argument",
      /config.json is another one/,
    );
    expect(storage.files).toEqual(before);
  });

  it("ends at a signal, and is taken up", async () => {
    const storage = memoryStorage();
    const signal = AbortSignal.abort();
    await expectCode(saveCheckpoint(storage, SPEC, weights(), { signal }), "aborted", /call it again/);
    expect(storage.files.size).toBe(0);
  });

  const changed = (change: (all: ReturnType<typeof weights>) => void) => {
    const all = weights();
    change(all);
    return all;
  };
  const query = "blocks.0.attention.query.weight";
  it.each([
    ["a missing parameter", changed((all) => all.delete(query)), {}, /attention.query.weight" of shape \[8, 6\]/],
    [
      "one of another shape",
      changed((all) => all.set(query, { shape: [6, 8], values: new Float32Array(48) })),
      {},
      /attention.query.weight" has shape \[6, 8\]/,
    ],
    [
      "one with too few values",
      changed((all) => all.set(query, { shape: [8, 6], values: new Float32Array(47) })),
      {},
      /47 values/,
    ],
    [
      "one too many",
      changed((all) => all.set("extra.weight", { shape: [1], values: new Float32Array(1) })),
      {},
      /"extra.weight": no parameters of this model/,
    ],
    [
      "NaN in int8",
      changed((all) => all.get(query)?.values.fill(Number.NaN, 13, 14)),
      { encoding: "int8" as const },
      /query.weight": row 2 holds NaN/,
    ],
    ["an unknown encoding", weights(), { encoding: "int4" as "int8" }, /options.encoding is "int4"/],
    ["shards of no bytes", weights(), { shardBytes: 0 }, /options.shardBytes is 0/],
    ["shards that cannot be digested", weights(), { shardBytes: 2 ** 31 }, /options.shardBytes is 2147483648/],
    ["half a byte", weights(), { shardBytes: 1.5 }, /options.shardBytes is 1.5/],
  ])("refuses %s", async (_, parameters, options, message) => {
    const storage = memoryStorage();
    await expectCode(saveCheckpoint(storage, SPEC, parameters, options), "invalid-argument", message);
    expect(storage.files.has(INDEX_NAME)).toBe(false);
  });

  it("refuses a tensor that cannot be digested, before it writes anything", async () => {
    const spec = { ...SPEC, vocabSize: 2 ** 24, width: 2 ** 7 };
    const storage = memoryStorage();
    const parameters = new Map<string, NamedTensor>();
    for (const { name, shape } of modelParameters(spec)) {
      const length = shape.reduce((product, side) => product * side, 1);
      const values = length < 2 ** 26 ? new Float32Array(length) : hugeFloats(length);
      parameters.set(name, { shape, values });
    }
    const message = /"embedding.weight" takes 8589934592 bytes as f32.*narrower/;
    await expectCode(saveCheckpoint(storage, spec, parameters), "unsupported", message);
    expect(storage.files.size).toBe(0);
  });

  it("refuses tables of another model that lie beside it", async () => {
    const storage = memoryStorage([["engram.json", new TextEncoder().encode("{}")]]);
    const spec = modelPreset("tiny-v4.1");
    const parameters = new Map(
      modelParameters(spec)
        .filter(({ component }) => component !== "engram tables")
        .map(({ name, shape }) => [name, { shape, values: new Float32Array(shape.reduce((a, b) => a * b, 1)) }]),
    );
    await expectCode(saveCheckpoint(storage, spec, parameters), "invalid-manifest", /format is missing/);
  });
});

/** What says that it has so many values; none of them is looked at. */
function hugeFloats(length: number): Float32Array {
  return Object.defineProperty(new Float32Array(0), "length", { value: length });
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

function flip(bytes: Uint8Array | undefined, at: number): void {
  if (bytes === undefined) throw new Error("no such file");
  const i = at < 0 ? bytes.length + at : at;
  bytes[i] = (bytes[i] ?? 0) ^ 1;
}
