// Recognising tables in checkpoints, with the published shapes, names and configuration keys: row counts, multipliers and
// primes of the real checkpoints are the oracle, so what is accepted is what was published.

import {
  buildTokenMap,
  type CheckpointSource,
  checkpointLayout,
  checkpointTables,
  createAddressing,
  parseManifest,
  parseTokenizerJson,
  serializeManifest,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { checkpointOf, type HeaderTensor, wholes } from "./checkpoint-headers.js";

const v41Config = {
  model_type: "deepseek_v41",
  text_config: {
    vocab_size: 129_280,
    engram_layer_ids: [1, 14],
    engram_num_embeddings: [384_006_168, 384_016_682],
    engram_max_ngram_size: 4,
    engram_vocab_size: 16_000_000,
    engram_n_heads: 8,
    engram_head_dim: 256,
    engram_pad_token_id: 2,
    engram_compressed_vocab_size: 99_092,
  },
};
const v41Rows = new Map([
  [1, 384_006_168],
  [14, 384_016_682],
]);
const v41Shard = (layer: number, prefix = ""): Record<string, HeaderTensor> => ({
  [`${prefix}layers.${layer}.engram.embed.weight`]: ["F8_E4M3", [v41Rows.get(layer) ?? 0, 256]],
  [`${prefix}layers.${layer}.engram.embed.scale`]: ["F8_E8M0", [v41Rows.get(layer) ?? 0, 8]],
  [`${prefix}layers.${layer}.engram.wkv.weight`]: ["F8_E4M3", [25_600, 6144]],
});
const v41 = (prefix = ""): CheckpointSource =>
  checkpointOf(
    {
      "model-00047-of-00048.safetensors": v41Shard(1, prefix),
      "model-00048-of-00048.safetensors": v41Shard(14, prefix),
    },
    v41Config,
  );

const ple = "model.language_model.layers.1.ple.ple_embedding.";
const qwenConfig = {
  model_type: "qwen4_exp",
  text_config: {
    vocab_size: 248_320,
    eos_token_id: 248_044,
    hidden_size: 2560,
    ple_layer_ids: [2],
    ngram_size: 3,
    heads_per_ngram: 8,
    ngram_vocab_size_base: 20_000_000,
    make_ngram_vocab_size_divisible_by: 128,
    seed: 1234,
    split_ngram_parts: 128,
  },
};
/** The multipliers that the published checkpoint stores. */
const qwenMultipliers = wholes(23703573157769n, 20109073645365n, 8052911324071n);
const qwenNumbers = createAddressing({
  kind: "qwen-ple",
  vocabSize: 248_320,
  seed: 1234,
  layers: [1],
  tableSizes: [20_000_000, 20_000_000],
  headsPerOrder: 8,
  eosId: 248_044,
}).layers[0];
const qwenSmall = {
  [`${ple}layer_multipliers`]: qwenMultipliers,
  [`${ple}ngram_heads_vocab_sizes`]: wholes(...(qwenNumbers?.primes.flat() ?? [])),
  [`${ple}ngram_heads_offsets`]: wholes(...(qwenNumbers?.offsets ?? [])),
  [`${ple}ngram_embedding.weight_scale`]: ["BF16", [1], Uint8Array.of(0x51, 0x39)] as const,
};
const qwen = (
  dtype: "F8_E4M3" | "BF16",
  change: (tensors: Record<string, HeaderTensor>) => void = () => {},
  config: unknown = qwenConfig,
  shard = "shard_",
): CheckpointSource => {
  const tensors: Record<string, HeaderTensor> = { ...qwenSmall };
  for (let i = 127; i >= 0; i--) tensors[`${ple}ngram_embedding.${shard}${i}.weight`] = [dtype, [2_500_012, 160]];
  change(tensors);
  const entries = Object.entries(tensors);
  const files = [0, 1, 2].map((i) => [
    `model-${i}.safetensors`,
    Object.fromEntries(entries.filter((_, at) => at % 3 === i)),
  ]);
  return checkpointOf(Object.fromEntries(files), config);
};

const demoConfig = {
  engram_vocab_size: [646_400, 646_400],
  max_ngram_size: 3,
  n_embed_per_ngram: 512,
  n_head_per_ngram: 8,
  layer_ids: [1, 15],
  pad_id: 2,
  seed: 0,
  kernel_size: 4,
  compressed_vocab_size: 98_627,
};
const demoTable = (layer: number, name = `layers.${layer}.engram.`): Record<string, HeaderTensor> => ({
  [`${name}multi_head_embedding.embedding.weight`]: ["F32", [layer === 1 ? 10_344_164 : 10_348_242, 64]],
});

const tokenMap = buildTokenMap(parseTokenizerJson({ model: { vocab: { a: 0, A: 1, b: 2 } }, decoder: null }));

describe("checkpointTables", () => {
  it.each(["", "model.", "model.language_model."])(
    "finds DeepSeek-V4.1's tables under the prefix %j",
    async (prefix) => {
      const found = await checkpointTables(v41(prefix));
      expect(found.layout).toBe("deepseek-v4.1");
      expect(found.addressing).toMatchObject({ kind: "deepseek-v4.1", vocabSize: 99_092, seed: 0, padId: 2 });
      expect(found.derived.layers.map(({ rows }) => rows)).toEqual([...v41Rows.values()]);
      const [first, second] = found.modules;
      expect(first).toMatchObject({ layer: 1, rows: 384_006_168, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
      expect(second?.parts[0]?.data.uri).toBe("model-00048-of-00048.safetensors");
      const part = first?.parts[0];
      expect(part?.data.stride).toBe(256);
      expect(part?.scales?.stride).toBe(8);
      // the format lays tensors end to end: scales follow values here, since their header was written so
      expect((part?.scales?.offset ?? 0) - (part?.data.offset ?? 0)).toBe(384_006_168 * 256);
    },
  );

  it("gives modules that make a manifest", async () => {
    for (const source of [
      v41(),
      qwen("F8_E4M3"),
      checkpointOf({ "model.safetensors": { ...demoTable(1), ...demoTable(15) } }, demoConfig),
    ]) {
      const { addressing, derived, modules } = await checkpointTables(source);
      const text = serializeManifest({ format: "engram", version: 1, addressing, derived, modules });
      expect(parseManifest(text).modules).toEqual(modules);
    }
  });

  it("finds Qwen's table in its 128 shards by number, fp8 with its scale and bf16, also by converted names", async () => {
    const fp8 = await checkpointTables(qwen("F8_E4M3"));
    expect(fp8.layout).toBe("qwen3.8");
    const [module] = fp8.modules;
    expect(module?.rows).toBe(320_001_536);
    expect(module?.encoding).toEqual({ kind: "fp8-e4m3", width: 160, scale: 0.00019931793212890625 });
    expect(module?.parts.map(({ firstRow }) => firstRow)).toEqual(Array.from({ length: 128 }, (_, i) => i * 2_500_012));
    const bf16 = await checkpointTables(qwen("BF16", undefined, undefined, "shards."));
    expect(bf16.modules[0]?.encoding).toEqual({ kind: "bf16", width: 160 });
    expect(bf16.modules[0]?.parts[1]?.data.stride).toBe(320);
  });

  it("takes the first of several ends of sequence, and blocks that count from 1", async () => {
    const config = { text_config: { ...qwenConfig.text_config, eos_token_id: [248_044, 248_046] } };
    const { addressing } = await checkpointTables(qwen("BF16", undefined, config));
    expect(addressing).toMatchObject({ layers: [1], eosId: 248_044 });
  });

  it.each([
    ["layers.1.engram.", "layers.15.engram."],
    ["blocks.1.engram.", "blocks.15.engram."],
    ["1.", "15."],
    ["model.engram_layers.1.", "model.engram_layers.15."],
  ])("finds demo tables named %s", async (one, two) => {
    const source = checkpointOf({ "model.safetensors": { ...demoTable(1, one), ...demoTable(15, two) } }, demoConfig);
    const { layout, modules, addressing } = await checkpointTables(source);
    expect(layout).toBe("engram-demo");
    expect(addressing).toEqual({
      kind: "engram",
      vocabSize: 98_627,
      seed: 0,
      layers: [1, 15],
      tableSizes: [646_400, 646_400],
      headsPerOrder: 8,
      padId: 2,
    });
    expect(modules.map(({ rows, encoding }) => [rows, encoding.kind])).toEqual([
      [10_344_164, "f32"],
      [10_348_242, "f32"],
    ]);
  });

  it("takes a table without a number where the configuration has one layer", async () => {
    const source = (config: object) => checkpointOf({ "m.safetensors": demoTable(1, "") }, config);
    const { modules } = await checkpointTables(source({ engram_config: { ...demoConfig, layer_ids: [1] } }));
    expect(modules.map(({ layer }) => layer)).toEqual([1]);
    await expect(checkpointTables(source(demoConfig))).rejects.toMatchObject({ code: "not-found" });
  });

  it("opens some layers, and addressing that is given in place of config.json", async () => {
    const one = checkpointOf({ "model-00048-of-00048.safetensors": v41Shard(14) }, v41Config);
    const { addressing, modules } = await checkpointTables(one, { layers: [14] });
    expect(modules.map(({ layer }) => layer)).toEqual([14]);
    expect(addressing.layers).toEqual([1, 14]);
    await expect(checkpointTables(one, { layers: [2] })).rejects.toMatchObject({ code: "invalid-argument" });
    const bare: CheckpointSource = { shards: one.shards, read: one.read };
    await expect(checkpointTables(bare)).rejects.toMatchObject({ code: "not-found" });
    expect((await checkpointTables(bare, { layers: [14], addressing })).modules).toEqual(modules);
  });

  it("maps the pad through the token map, and refuses a map of another count", async () => {
    const config = { ...demoConfig, engram_vocab_size: [20, 20], layer_ids: [0], compressed_vocab_size: undefined };
    const rows = createAddressing({
      kind: "engram",
      vocabSize: 2,
      seed: 0,
      layers: [0],
      tableSizes: [20, 20],
      headsPerOrder: 8,
      padId: 1,
    }).layers[0]?.rows;
    const table: HeaderTensor = ["BF16", [rows ?? 0, 4]];
    const source = checkpointOf({ "m.safetensors": { "multi_head_embedding.embedding.weight": table } }, config);
    expect((await checkpointTables(source, { tokenMap })).addressing).toMatchObject({ vocabSize: 2, padId: 1 });
    await expect(checkpointTables(source)).rejects.toMatchObject({ code: "invalid-config" }); // nobody knows the count
    const refused = checkpointTables(v41(), { tokenMap });
    await expect(refused).rejects.toMatchObject({ code: "manifest-mismatch" });
    await expect(refused).rejects.toThrow("compresses to 2 ids, and engram_compressed_vocab_size is 99092");
  });

  const text = v41Config.text_config;
  it.each<[string, CheckpointSource, string, string]>([
    ["no tables", checkpointOf({ "a.safetensors": { x: ["F32", [1]] } }, {}), "not-found", 'found "x"'],
    [
      "two models",
      checkpointOf({ "a.safetensors": { ...v41Shard(1), ...demoTable(1) } }, v41Config),
      "invalid-argument",
      "deepseek-v4.1 and of engram-demo",
    ],
    [
      "a missing table",
      checkpointOf({ "a.safetensors": v41Shard(1) }, v41Config),
      "not-found",
      "layers.14.engram.embed.weight",
    ],
    [
      "missing scales",
      checkpointOf(
        {
          "a.safetensors": { "layers.1.engram.embed.weight": ["F8_E4M3", [384_006_168, 256]] },
          "b.safetensors": v41Shard(14),
        },
        v41Config,
      ),
      "not-found",
      "layers.1.engram.embed.scale",
    ],
    [
      "another type",
      checkpointOf(
        { "a.safetensors": { ...v41Shard(1), "layers.1.engram.embed.weight": ["BF16", [384_006_168, 256]] } },
        v41Config,
      ),
      "unsupported",
      "is BF16, and this layout has F8_E4M3",
    ],
    [
      "scales of another shape",
      checkpointOf(
        { "a.safetensors": { ...v41Shard(1), "layers.1.engram.embed.scale": ["F8_E8M0", [384_006_168, 4]] } },
        v41Config,
      ),
      "manifest-mismatch",
      "[384006168, 4], and the configuration makes it [384006168, 8]",
    ],
    [
      "other table sizes",
      checkpointOf(
        { "a.safetensors": v41Shard(1) },
        { text_config: { ...text, engram_vocab_size: 16_000_100, engram_num_embeddings: null } },
      ),
      "manifest-mismatch",
      "has 384006168 rows, and the configuration's primes make",
    ],
    [
      "other stated rows",
      checkpointOf({ "a.safetensors": v41Shard(1) }, { text_config: { ...text, engram_num_embeddings: [7, 8] } }),
      "manifest-mismatch",
      "engram_num_embeddings has 7 rows",
    ],
    [
      "a table twice",
      checkpointOf({ "a.safetensors": { ...v41Shard(1), ...v41Shard(1, "mtp.") } }, v41Config),
      "invalid-config",
      "two tensors claim to be layer 1's table",
    ],
    [
      "a missing shard",
      qwen("BF16", (tensors) => {
        delete tensors[`${ple}ngram_embedding.shard_77.weight`];
      }),
      "not-found",
      "shard 77 of 128",
    ],
    [
      "a missing last shard",
      qwen("BF16", (tensors) => {
        delete tensors[`${ple}ngram_embedding.shard_127.weight`];
      }),
      "not-found",
      "shard 127 of 128",
    ],
    [
      "a missing scale",
      qwen("F8_E4M3", (tensors) => {
        delete tensors[`${ple}ngram_embedding.weight_scale`];
      }),
      "not-found",
      "the scale of the fp8 table",
    ],
    [
      "a shard of another length",
      qwen("BF16", (tensors) => {
        tensors[`${ple}ngram_embedding.shard_5.weight`] = ["BF16", [2_500_011, 160]];
      }),
      "manifest-mismatch",
      "[2500011, 160]",
    ],
    [
      "a shard of another type",
      qwen("BF16", (tensors) => {
        tensors[`${ple}ngram_embedding.shard_5.weight`] = ["F16", [2_500_012, 160]];
      }),
      "unsupported",
      "is F16",
    ],
    [
      "other multipliers",
      qwen("BF16", (tensors) => {
        tensors[`${ple}layer_multipliers`] = wholes(1, 3, 5);
      }),
      "manifest-mismatch",
      'layers[0].multipliers[0] is stored as "1" and derived as "23703573157769"',
    ],
    [
      "another seed",
      qwen("BF16", undefined, { text_config: { ...qwenConfig.text_config, seed: 0 } }),
      "manifest-mismatch",
      "multipliers[0]",
    ],
    [
      "other offsets",
      qwen("BF16", (tensors) => {
        tensors[`${ple}ngram_heads_offsets`] = wholes(...Array.from({ length: 16 }, (_, i) => i));
      }),
      "manifest-mismatch",
      "offsets[1] is stored as 1",
    ],
    [
      "other padding",
      qwen("BF16", undefined, { text_config: { ...qwenConfig.text_config, make_ngram_vocab_size_divisible_by: 64 } }),
      "invalid-config",
      "multiple of 128",
    ],
    [
      "no end of sequence",
      qwen("BF16", undefined, { text_config: { ...qwenConfig.text_config, eos_token_id: null } }),
      "invalid-config",
      "eos_token_id",
    ],
    [
      "no number",
      checkpointOf({ "a.safetensors": v41Shard(1) }, { text_config: { ...text, engram_n_heads: "8" } }),
      "invalid-config",
      'engram_n_heads is "8"; expected a whole number',
    ],
    [
      "no configuration of this model",
      checkpointOf({ "a.safetensors": v41Shard(1) }, { text_config: {} }),
      "invalid-config",
      "has no engram_layer_ids",
    ],
    [
      "orders that disagree",
      checkpointOf({ "a.safetensors": demoTable(1) }, { ...demoConfig, max_ngram_size: 4 }),
      "invalid-config",
      "max_ngram_size is 4",
    ],
  ])("refuses %s", async (_, source, code, message) => {
    const finding = Promise.resolve().then(() => checkpointTables(source));
    await expect(finding).rejects.toMatchObject({ code });
    await expect(finding).rejects.toThrow(message);
  });

  it("names the layout without config.json", () => {
    expect(checkpointLayout(qwen("BF16", undefined, null))).toBe("qwen3.8");
  });
});
