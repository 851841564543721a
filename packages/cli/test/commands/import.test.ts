// `engram import` when things go wrong: files that are cut short, missing, of another type or another model; targets that
// hold something else; a process that is interrupted or killed. Right rows or a refusal that says how to mend it.

import { watch } from "node:fs";
import { cp, mkdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeRows, deterministicRows, encodeRows, tableInfo } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openByUri } from "../../src/drivers.js";
import { gatherRows, type TableRuns, tableRuns } from "../table-runs.js";

let runs: TableRuns;
const at = (path: string): string => join(runs.folder, path);
const shard = "model-00047-of-00048.safetensors";

beforeAll(async () => {
  runs = await tableRuns("import");
  await runs.json("make-fixture", "deepseek-v4.1", "--out", "v41", "--table-size", "40");
  await runs.json("make-fixture", "qwen3.8", "--out", "qwen", "--table-size", "40", "--dtype", "bf16");
  await runs.json("make-fixture", "engram-demo", "--out", "demo", "--table-size", "40");
});
afterAll(() => runs.remove());

/** A copy of a fixture, to be spoilt. */
async function spoilt(fixture: string, name: string, change: (folder: string) => Promise<unknown>): Promise<string> {
  await cp(at(fixture), at(name), { recursive: true });
  await change(at(name));
  return name;
}

async function changeJson(path: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, "utf8"));
  change(json);
  await writeFile(path, JSON.stringify(json));
}

/** Replaces text of a safetensors header by text of the same length. */
async function changeHeader(path: string, from: string, to: string): Promise<void> {
  const bytes = await readFile(path);
  const index = bytes.indexOf(from);
  if (index < 0 || from.length !== to.length) throw new Error(`${from} is not in ${path}, or has another length`);
  bytes.write(to, index);
  await writeFile(path, bytes);
}

describe("engram import refuses", () => {
  it.each<[string, string, (folder: string) => Promise<unknown>, string, string]>([
    ["a shard cut short", "v41", (f) => truncate(join(f, shard), 5000), "truncated", shard],
    [
      "a shard that is no safetensors file",
      "v41",
      (f) => writeFile(join(f, shard), "{}".padEnd(64)),
      "invalid-safetensors",
      shard,
    ],
    ["a missing shard", "v41", (f) => rm(join(f, shard)), "not-found", `${shard} is missing`],
    [
      "a missing shard without an index",
      "v41",
      (f) => Promise.all([rm(join(f, shard)), rm(join(f, "model.safetensors.index.json"))]),
      "not-found",
      "layers.1.engram.embed.weight",
    ],
    [
      "rows of another type",
      "qwen",
      (f) => changeHeader(join(f, "model-00001-of-00004.safetensors"), '"BF16"', '"F16" '),
      "unsupported",
      "is BF16, and this layout has F16",
    ],
    [
      "other row counts",
      "v41",
      (f) =>
        changeJson(join(f, "config.json"), ({ text_config }) =>
          Object.assign(text_config as object, { engram_vocab_size: 50, engram_num_embeddings: null }),
        ),
      "manifest-mismatch",
      "primes make",
    ],
    [
      "another tokenizer",
      "v41",
      (f) =>
        changeJson(join(f, "tokenizer.json"), ({ model }) =>
          Object.assign((model as { vocab: object }).vocab, { "one more": 453 }),
        ),
      "manifest-mismatch",
      "compresses to 261 ids, and engram_compressed_vocab_size is 260",
    ],
    [
      "an index that leaves the folder",
      "v41",
      (f) =>
        changeJson(join(f, "model.safetensors.index.json"), (json) =>
          Object.assign(json, { weight_map: { x: "../v41/model-00047-of-00048.safetensors" } }),
        ),
      "invalid-safetensors",
      "no plain file name",
    ],
    [
      "a config.json that is none",
      "v41",
      (f) => writeFile(join(f, "config.json"), "{"),
      "invalid-argument",
      "is not JSON",
    ],
    [
      "a folder without shards",
      "v41",
      (f) => Promise.all([shard, shard.replace("47-", "48-")].map((one) => rm(join(f, one)))),
      "not-found",
      "holds no safetensors file of the 2",
    ],
  ])("%s", async (name, fixture, change, code, message) => {
    const folder = await spoilt(fixture, name.replaceAll(" ", "-"), change);
    const error = await runs.refused("import", folder, "--to", `file:./to-${folder}`);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  });

  it("what is not there, options that exclude each other, and targets that are no place", async () => {
    const { exitCode, stderr } = await runs.run("import", "nowhere", "--to", "file:./x");
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("[not-found]") });
    expect(await runs.refused("import", "nowhere", "--to", "file:./x")).toMatchObject({ code: "not-found" });
    expect(await runs.refused("import", "v41")).toMatchObject({ code: "invalid-argument" });
    expect(await runs.refused("import", "v41", "--to", "lmdb:./a > file:./b")).toMatchObject({
      code: "invalid-argument",
    });
    expect((await runs.refused("import", "v41", "--to", "ftp://x")).message).toContain("dram:, file:, lmdb:, s3:");
    expect(await runs.refused("import", "v41", "--layers", "2", "--to", "file:./x")).toMatchObject({
      code: "invalid-argument",
    });
    expect((await runs.run("import", "v41", "--to", "file:./x", "--verify", "some")).exitCode).toBe(2);
  });

  it("to replace tables, unless told to", async () => {
    const first = await runs.json("import", "v41", "--to", "file:./kept");
    const error = await runs.refused("import", "demo", "--to", "file:./kept");
    expect(error).toMatchObject({ code: "manifest-mismatch" });
    expect(error.message).toContain("--replace");
    expect((await runs.json("verify", "file:./kept")).layers.map(({ digest }) => digest)).toEqual(
      first.layers.map(({ digest }) => digest),
    );
    const replaced = await runs.json("import", "demo", "--to", "file:./kept", "--replace");
    expect((await runs.json("verify", "file:./kept")).layers.map(({ digest }) => digest)).toEqual(
      replaced.layers.map(({ digest }) => digest),
    );
  });

  it("to put a manifest over another one in place, unless told to", async () => {
    const folder = await spoilt("v41", "in-place", async () => {});
    await runs.json("import", folder, "--in-place", "--layers", "1");
    await runs.json("import", folder, "--in-place", "--layers", "1"); // the same again is no change
    expect(await runs.refused("import", folder, "--in-place")).toMatchObject({ code: "manifest-mismatch" });
    await runs.json("import", folder, "--in-place", "--replace");
    expect((await runs.json("verify", `file:./${folder}`)).layers).toHaveLength(2);
  });
});

describe("engram import", () => {
  it("takes one layer, one file, a sample, and encodes rows anew", async () => {
    await runs.json(
      "import",
      "demo/model.safetensors",
      "--layers",
      "15",
      "--encoding",
      "bf16",
      "--verify",
      "sample",
      "--to",
      "lmdb:./anew",
    );
    const opened = await openByUri(`lmdb:${at("anew")}`);
    const store = opened.tables.get(15);
    expect([...opened.tables.keys()]).toEqual([15]);
    const { rows, encoding } = store?.table ?? { rows: 0, encoding: undefined };
    expect(encoding).toEqual({ kind: "bf16", width: 64 });
    const original = tableInfo({ rows, encoding: { kind: "f32", width: 64 } });
    const values = new Float32Array(rows * 64);
    decodeRows(original.encoding, deterministicRows(original, 15), values);
    const expected = new Uint8Array(rows * 128);
    encodeRows({ kind: "bf16", width: 64 }, values, expected);
    const found = await gatherRows(
      opened,
      15,
      Uint32Array.from({ length: rows }, (_, row) => row),
    );
    expect(Buffer.compare(found, expected)).toBe(0);
    await opened.close();
  });

  it("finds the tables without an index, and with other shards missing", async () => {
    const folder = await spoilt("v41", "no-index", (f) => rm(join(f, "model.safetensors.index.json")));
    const { layers } = await runs.json("import", folder, "--to", "file:./from-no-index");
    const partial = await spoilt("v41", "one-shard", (f) => rm(join(f, shard)));
    const one = await runs.json("import", partial, "--layers", "14", "--to", "file:./from-one-shard");
    expect(one.layers.map(({ digest }) => digest)).toEqual(layers.slice(1).map(({ digest }) => digest));
  });

  it("says where a table is wrong when it is compared with another copy", async () => {
    await runs.json("import", "qwen", "--to", "file:./right");
    await cp(at("right"), at("wrong"), { recursive: true });
    const { manifest } = await runs.json("inspect", "file:./wrong");
    const { parts, encoding } = (
      manifest as {
        modules: { parts: { data: { uri: string; offset: number; stride: number } }[]; encoding: object }[];
      }
    ).modules[0] ?? { parts: [] };
    const { uri = "", offset = 0, stride = 0 } = parts[0]?.data ?? {};
    expect(encoding).toEqual({ kind: "bf16", width: 160 });
    const path = join(at("wrong"), uri);
    const bytes = await readFile(path);
    bytes[offset + 123 * stride + 7] = (bytes[offset + 123 * stride + 7] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await runs.refused("verify", "file:./wrong", "--against", "file:./right")).toMatchObject({
      code: "digest-mismatch",
      context: { layer: 1, row: 123, byte: 7 },
    });
    expect(await runs.refused("verify", "file:./wrong", "--fill-seed", "0")).toMatchObject({ context: { row: 123 } });
    expect(await runs.refused("verify", "file:./wrong")).toMatchObject({ code: "digest-mismatch" });
    expect(await runs.refused("copy", "file:./wrong", "lmdb:./copied")).toMatchObject({ code: "digest-mismatch" });
    expect(await runs.refused("inspect", "lmdb:./copied")).toMatchObject({ code: "not-found" }); // nothing was published
  });

  it("refuses manifests that lead out of their folder or claim absurd sizes", async () => {
    await mkdir(at("bad"));
    const good = JSON.parse(await readFile(at("kept/engram.json"), "utf8"));
    type Data = { uri?: string; bytes?: number; offset?: number };
    const tryOut = async (data: Data, module: object = {}): Promise<void> => {
      const manifest = structuredClone(good);
      Object.assign(manifest.modules[0], module);
      Object.assign(manifest.modules[0].parts[0].data, data);
      await writeFile(at("bad/engram.json"), JSON.stringify(manifest));
      for (const command of ["inspect", "verify"]) {
        expect(await runs.refused(command, "file:./bad")).toMatchObject({ code: "invalid-manifest" });
      }
    };
    for (const uri of ["../kept/rows.bin", "/etc/passwd", "file:///etc/passwd", "a/../../b", "C:\\x"])
      await tryOut({ uri });
    for (const bytes of [1e300, 10, -1]) await tryOut({ bytes });
    await tryOut({ offset: 2 ** 52 });
    await tryOut({}, { rows: 2 ** 40 });
  });
});

describe("an import that ends early", () => {
  beforeAll(async () => {
    await runs.json("make-fixture", "deepseek-v4.1", "--out", "larger", "--table-size", "2500", "--seed", "3");
  });

  it.each(["file", "lmdb"])("goes on after kill -9 and after Ctrl-C, into %s:", async (scheme) => {
    const uri = `${scheme}:./killed-${scheme}`;
    await mkdir(at(`killed-${scheme}`));
    for (const [signal, events] of [
      ["SIGKILL", 2],
      ["SIGINT", 4],
      ["SIGKILL", 9],
    ] as const) {
      const { child, done } = runs.start("import", "larger", "--to", uri, "--json");
      let seen = 0;
      const watcher = watch(at(`killed-${scheme}`), { recursive: true }, () => {
        if (++seen === events) child.kill(signal);
      });
      const { exitCode, stderr } = await done;
      watcher.close();
      // A run that was quick enough ends well; one that was stopped says how to go on, or says nothing more.
      if (signal === "SIGINT" && exitCode === 1) expect(stderr).toMatch(/interrupted; |holds finished tables/);
    }
    const { exitCode, stderr } = await runs.run("import", "larger", "--to", uri, "--json");
    if (exitCode !== 0) expect(stderr).toContain("holds finished tables already");
    const { layers } = await runs.json("verify", uri, "--fill-seed", "3");
    expect(layers).toHaveLength(2);
    expect((await runs.json("verify", uri)).layers).toEqual(
      layers.map(() => expect.objectContaining({ compared: "digest" })),
    );
  });
});

describe("engram make-fixture", () => {
  it("writes the same bytes for the same seed, and over nothing unless told to", async () => {
    await runs.json("make-fixture", "qwen3.8", "--out", "again", "--table-size", "40", "--dtype", "bf16");
    for (const file of ["model-00001-of-00004.safetensors", "model.safetensors.index.json", "config.json"]) {
      expect(await readFile(at(`again/${file}`))).toEqual(await readFile(at(`qwen/${file}`)));
    }
    expect(await runs.refused("make-fixture", "qwen3.8", "--out", "again")).toMatchObject({ code: "invalid-argument" });
    await rename(at("again"), at("moved"));
    expect((await runs.run("make-fixture", "gpt", "--out", "x")).exitCode).toBe(2);
  });
});
