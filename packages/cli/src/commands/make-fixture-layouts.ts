// The published layouts of checkpoints with Engram tables, at any size: names, cut into files, types, regions, padding and
// configuration keys are those of the real ones, which are too large to fetch for a test. Rows come from a seed
// (table-copy-source.ts), other weights are zeros. Sources: transformers' `deepseek_v41` and `qwen4_exp`; the demo's code.

import {
  buildTokenMap,
  createAddressing,
  fillRows,
  parseAddressingConfig,
  parseTokenizerJson,
  type RowEncoding,
  rowScaleBytes,
  rowValueBytes,
  splitRows,
  type TableInfo,
  tableInfo,
} from "@engram-ts/core";
import type { Shard, ShardTensor } from "./make-fixture-shard.js";
import { FIXTURE_PAD_ID, fixtureTokenizer } from "./make-fixture-tokenizer.js";

/** How a checkpoint is made. */
export interface FixtureOptions {
  /** Least rows of a head. */
  readonly tableSize: number;
  readonly seed: number;
  /** Qwen only: fp8 with one scale, or bf16. */
  readonly dtype: "fp8" | "bf16";
}

/** A checkpoint to be written. */
export interface Fixture {
  readonly shards: readonly Shard[];
  /** Other files, by name: JSON. */
  readonly json: ReadonlyMap<string, object>;
  /** The tables, by layer, as they are once packed. */
  readonly tables: ReadonlyMap<number, TableInfo>;
}

/** The layouts, by the names of the command line. */
export const FIXTURE_LAYOUTS = {
  "deepseek-v4.1": deepseekV41Fixture,
  "qwen3.8": qwenFixture,
  "engram-demo": demoFixture,
} as const;

const HIDDEN = 32;
const STREAMS = 4;
/** Bytes of rows made at once. */
const PIECE_BYTES = 2 ** 22;
/** The scale of the published fp8 table, a bfloat16. */
const QWEN_SCALE_CODE = 0x3951;
const QWEN_PARTS = 128;
const QWEN_FILES = 4;

function deepseekV41Fixture({ tableSize, seed }: FixtureOptions): Fixture {
  const tokenizer = fixtureTokenizer();
  const map = buildTokenMap(parseTokenizerJson(tokenizer));
  const [orders, heads, width] = [3, 8, 256];
  const addressing = parseAddressingConfig({
    kind: "deepseek-v4.1",
    vocabSize: map.compressed,
    seed: 0,
    layers: [1, 14],
    tableSizes: Array.from({ length: orders }, () => tableSize),
    headsPerOrder: heads,
    padId: map.ids[FIXTURE_PAD_ID],
  });
  const { layers } = createAddressing(addressing);
  const encoding: RowEncoding = { kind: "fp8-e4m3-e8m0", width };
  const tables = new Map(layers.map(({ layer, rows }) => [layer, tableInfo({ rows, encoding })]));
  const memory = orders * heads * width;
  const outputs = HIDDEN * (STREAMS + 1);
  // The tables are the last two of 48 files; the others hold what is no business of tables.
  const shards = [...tables].map(([layer, table], i): Shard => {
    const engram = `layers.${layer}.engram.`;
    return {
      file: `model-000${47 + i}-of-00048.safetensors`,
      tensors: [
        rowRegion(`${engram}embed.weight`, "F8_E4M3", table, seed + layer, "values"),
        rowRegion(`${engram}embed.scale`, "F8_E8M0", table, seed + layer, "scales"),
        zeros(`${engram}wkv.weight`, "F8_E4M3", [outputs, memory]),
        zeros(`${engram}wkv.scale`, "F8_E8M0", [outputs / 32, memory / 32]),
        zeros(`${engram}q_weight`, "BF16", [STREAMS, HIDDEN]),
        zeros(`${engram}k_weight`, "BF16", [STREAMS, HIDDEN]),
      ],
    };
  });
  const config = {
    architectures: ["DeepseekV41ForConditionalGeneration"],
    model_type: "deepseek_v41",
    text_config: {
      model_type: "deepseek_v41_text",
      vocab_size: map.tokens,
      hidden_size: HIDDEN,
      num_hidden_layers: 40,
      hc_mult: STREAMS,
      engram_layer_ids: [...tables.keys()],
      engram_num_embeddings: [...tables.values()].map(({ rows }) => rows),
      engram_max_ngram_size: orders + 1,
      engram_vocab_size: tableSize,
      engram_n_heads: heads,
      engram_head_dim: width,
      engram_pad_token_id: FIXTURE_PAD_ID,
      engram_compressed_vocab_size: map.compressed,
    },
  };
  return { shards, tables, json: withIndex(shards, { "config.json": config, "tokenizer.json": tokenizer }) };
}

function qwenFixture({ tableSize, seed, dtype }: FixtureOptions): Fixture {
  const [vocabSize, eosId, heads, width] = [248_320, 248_044, 8, 160];
  const addressing = parseAddressingConfig({
    kind: "qwen-ple",
    vocabSize,
    seed: 1234,
    layers: [1],
    tableSizes: [tableSize, tableSize],
    headsPerOrder: heads,
    eosId,
  });
  const { layers } = createAddressing(addressing);
  const scale = bfloat16Value(QWEN_SCALE_CODE);
  const encoding: RowEncoding = dtype === "fp8" ? { kind: "fp8-e4m3", width, scale } : { kind: "bf16", width };
  const tables = new Map(layers.map(({ layer, rows }) => [layer, tableInfo({ rows, encoding })]));
  const tensors = layers.flatMap(({ layer, rows, multipliers, primes, offsets }): ShardTensor[] => {
    const table = tableInfo({ rows, encoding });
    const ple = `model.language_model.layers.${layer}.ple.ple_embedding.`;
    const each = rows / QWEN_PARTS; // rows come in multiples of 128
    const parts = Array.from({ length: QWEN_PARTS }, (_, i) => {
      const name = `${ple}ngram_embedding.shard_${i}.weight`;
      return rowRegion(name, dtype === "fp8" ? "F8_E4M3" : "BF16", table, seed + layer, "values", [i * each, each]);
    });
    const scales =
      dtype === "fp8"
        ? [whole(`${ple}ngram_embedding.weight_scale`, "BF16", [1], Uint16Array.of(QWEN_SCALE_CODE))]
        : [];
    return [
      ...parts,
      ...scales,
      whole(`${ple}layer_multipliers`, "I64", [multipliers.length], BigInt64Array.from(multipliers)),
      whole(`${ple}ngram_heads_vocab_sizes`, "I64", [offsets.length], BigInt64Array.from(primes.flat(), BigInt)),
      whole(`${ple}ngram_heads_offsets`, "I64", [offsets.length], BigInt64Array.from(offsets, BigInt)),
    ];
  });
  const perFile = Math.ceil(tensors.length / QWEN_FILES);
  const shards = Array.from(
    { length: QWEN_FILES },
    (_, i): Shard => ({
      file: `model-0000${i + 1}-of-0000${QWEN_FILES}.safetensors`,
      tensors: tensors.slice(i * perFile, (i + 1) * perFile),
    }),
  );
  const config = {
    architectures: ["Qwen4ExpForConditionalGeneration"],
    model_type: "qwen4_exp",
    text_config: {
      model_type: "qwen4_exp_text",
      vocab_size: vocabSize,
      hidden_size: 2 * heads * width,
      eos_token_id: eosId,
      ple_layer_ids: layers.map(({ layer }) => layer + 1),
      ple_embed_dim: 2 * heads * width,
      ngram_size: 3,
      heads_per_ngram: heads,
      ngram_vocab_size_base: tableSize,
      make_ngram_vocab_size_divisible_by: 128,
      seed: 1234,
      split_ngram_parts: QWEN_PARTS,
    },
  };
  return { shards, tables, json: withIndex(shards, { "config.json": config }) };
}

function demoFixture({ tableSize, seed }: FixtureOptions): Fixture {
  const tokenizer = fixtureTokenizer();
  const map = buildTokenMap(parseTokenizerJson(tokenizer));
  const [heads, width] = [8, 64];
  const addressing = parseAddressingConfig({
    kind: "engram",
    vocabSize: map.compressed,
    seed: 0,
    layers: [1, 15],
    tableSizes: [tableSize, tableSize],
    headsPerOrder: heads,
    padId: map.ids[FIXTURE_PAD_ID],
  });
  const { layers } = createAddressing(addressing);
  const encoding: RowEncoding = { kind: "f32", width };
  const tables = new Map(layers.map(({ layer, rows }) => [layer, tableInfo({ rows, encoding })]));
  const tensors = layers.flatMap(({ layer, rows, offsets }): ShardTensor[] => {
    const embedding = `layers.${layer}.engram.multi_head_embedding.`;
    return [
      rowRegion(`${embedding}embedding.weight`, "F32", tableInfo({ rows, encoding }), seed + layer, "values"),
      whole(`${embedding}offsets`, "I64", [offsets.length], BigInt64Array.from(offsets, BigInt)),
    ];
  });
  const config = {
    tokenizer_name_or_path: "deepseek-ai/DeepSeek-V3",
    engram_vocab_size: [tableSize, tableSize],
    max_ngram_size: 3,
    n_embed_per_ngram: heads * width,
    n_head_per_ngram: heads,
    layer_ids: layers.map(({ layer }) => layer),
    pad_id: FIXTURE_PAD_ID,
    seed: 0,
    kernel_size: 4,
  };
  const json = new Map<string, object>([
    ["config.json", config],
    ["tokenizer.json", tokenizer],
  ]);
  return { shards: [{ file: "model.safetensors", tensors }], tables, json };
}

/** A tensor of the values, or of the scales, of a run of a table's rows. */
function rowRegion(
  name: string,
  dtype: ShardTensor["dtype"],
  table: TableInfo,
  seed: number,
  region: "values" | "scales",
  [first, rows]: readonly [first: number, rows: number] = [0, table.rows],
): ShardTensor {
  const { encoding, rowBytes } = table;
  const most = Math.max(1, Math.floor(PIECE_BYTES / rowBytes));
  const side = region === "scales" ? rowScaleBytes(encoding) : encoding.width;
  return {
    name,
    dtype,
    shape: [rows, side],
    *bytes() {
      for (let at = 0; at < rows; at += most) {
        const packed = new Uint8Array(Math.min(most, rows - at) * rowBytes);
        fillRows(table, seed >>> 0, first + at, packed);
        const count = packed.length / rowBytes;
        const regions = {
          values: new Uint8Array(count * rowValueBytes(encoding)),
          scales: new Uint8Array(count * rowScaleBytes(encoding)),
        };
        splitRows(encoding, packed, regions);
        yield regions[region];
      }
    },
  };
}

function whole(
  name: string,
  dtype: ShardTensor["dtype"],
  shape: readonly number[],
  values: BigInt64Array | Uint16Array,
): ShardTensor {
  return { name, dtype, shape, bytes: () => [new Uint8Array(values.buffer)] };
}

function zeros(name: string, dtype: "F8_E4M3" | "F8_E8M0" | "BF16", shape: readonly number[]): ShardTensor {
  const bytes = shape.reduce((product, side) => product * side, dtype === "BF16" ? 2 : 1);
  return { name, dtype, shape, bytes: () => [new Uint8Array(bytes)] };
}

function bfloat16Value(code: number): number {
  return new Float32Array(Uint32Array.of(code << 16).buffer)[0] ?? 0; // of length 1
}

function withIndex(shards: readonly Shard[], json: Record<string, object>): Map<string, object> {
  const map = shards.flatMap(({ file, tensors }) => tensors.map(({ name }): [string, string] => [name, file]));
  return new Map([
    ...Object.entries(json),
    ["model.safetensors.index.json", { metadata: {}, weight_map: Object.fromEntries(map) }],
  ]);
}
