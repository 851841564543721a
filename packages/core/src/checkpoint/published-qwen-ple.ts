// The table of Qwen3.8-Flash-Next ("PLE") as published: one table cut into shards of equal length,
// `...layers.N.ple.ple_embedding.ngram_embedding.shard_K.weight`, bf16, or fp8 with one scale for all,
// `...ngram_embedding.weight_scale`; beside it the hash's own numbers as I64 tensors. Names and configuration keys as
// transformers' `qwen4_exp` reads them, where blocks count from 1 in `ple_layer_ids` and from 0 in tensor names.
// Converted checkpoints that write `shards.K` for `shard_K` are read too.

import { ADDRESSING_LIMITS, type AddressingConfig, parseAddressingConfig } from "../addressing/addressing-config.js";
import { checkDerivation, type StoredDerivation } from "../addressing/derivation.js";
import { decodeBfloat16 } from "../rows/bfloat16.js";
import { checkRowEncoding, type RowEncoding, rowValueBytes } from "../rows/encoding.js";
import { decodeFloat16 } from "../rows/float16.js";
import type { ManifestModule } from "../rows/manifest.js";
import { configFields, invalidConfig } from "./table-config.js";
import {
  type CheckpointSource,
  checkTensor,
  type LocatedTensor,
  matchTensors,
  missingTensor,
  regionOf,
  tensorNamed,
} from "./table-source.js";

const SHARD = /^(.*\.)?layers\.(\d{1,5})\.ple\.ple_embedding\.ngram_embedding\.(?:shards?[_.](\d{1,5})\.)?weight$/;
/** Rows come in multiples of this in every published configuration, and here. */
const ROW_MULTIPLE = 128;
const MAX_SHARDS = 65_536;

/** Whether the checkpoint has tables of this layout. */
export function hasQwenPleTables(source: CheckpointSource): boolean {
  return matchTensors(source, SHARD).length > 0;
}

/** How a config.json of Qwen3.8-Flash-Next addresses its tables. */
export function qwenPleAddressing(config: unknown): AddressingConfig {
  const fields = configFields(config, ["text_config"], "ple_layer_ids");
  const layerIds = fields.wholes("ple_layer_ids", 1, ADDRESSING_LIMITS.layer + 1) ?? [];
  const maxOrder = fields.whole("ngram_size", 2, ADDRESSING_LIMITS.tableSizes + 1, 3);
  const tableSize = fields.whole("ngram_vocab_size_base", 2, ADDRESSING_LIMITS.tableSize, 20_000_000);
  const multiple = fields.whole("make_ngram_vocab_size_divisible_by", 1, 2 ** 31, ROW_MULTIPLE);
  if (multiple !== ROW_MULTIPLE) {
    throw invalidConfig(
      "make_ngram_vocab_size_divisible_by",
      `config.json: make_ngram_vocab_size_divisible_by is ${multiple}; only tables padded to a multiple of ${ROW_MULTIPLE} are known`,
    );
  }
  // Sorted and each once, as the model's own configuration class does; the place among them seeds the multipliers.
  const layers = [...new Set(layerIds)].sort((a, b) => a - b).map((id) => id - 1);
  return parseAddressingConfig({
    kind: "qwen-ple",
    vocabSize: fields.whole("vocab_size", 1, ADDRESSING_LIMITS.vocabSize, 248_320),
    seed: fields.whole("seed", 0, ADDRESSING_LIMITS.seed, 1234),
    layers,
    tableSizes: Array.from({ length: maxOrder - 1 }, () => tableSize),
    headsPerOrder: fields.whole("heads_per_ngram", 1, ADDRESSING_LIMITS.headsPerOrder, 8),
    eosId: endOfSequence(fields.value("eos_token_id")),
  });
}

/** Of several, the first is the one that the hash knows. */
function endOfSequence(value: unknown): number {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first === "number" && Number.isInteger(first) && first >= 0) return first;
  throw invalidConfig("eos_token_id", "config.json: eos_token_id must be a token id, or an array that begins with one");
}

/** One layer's table; its stored hash numbers are compared with the derived ones. */
export async function qwenPleModule(
  source: CheckpointSource,
  layer: number,
  derived: StoredDerivation,
  config: unknown,
): Promise<ManifestModule> {
  const shards = orderedShards(source, layer, config);
  const [first] = shards;
  if (first === undefined) throw missingTensor(shardName(layer, 0), source, `the table of layer ${layer}`);
  checkTensor(first, ["F8_E4M3", "BF16", "F16", "F32"], [undefined, undefined]);
  const embedding = first.tensor.name.replace(/(?:shards?[_.]\d+\.)?weight$/, "");
  const encoding = await readEncoding(source, first, `${embedding}weight_scale`);
  let rows = 0;
  const parts = shards.map((shard) => {
    checkTensor(shard, [first.tensor.dtype], [first.tensor.shape[0], encoding.width]);
    const count = shard.tensor.shape[0] ?? 0;
    const part = { firstRow: rows, rows: count, data: regionOf(shard, rowValueBytes(encoding)) };
    rows += count;
    return part;
  });
  await checkStoredNumbers(source, embedding.replace(/ngram_embedding\.$/, ""), layer, derived);
  return { layer, rows, encoding, parts };
}

function shardName(layer: number, index: number): string {
  return `model.language_model.layers.${layer}.ple.ple_embedding.ngram_embedding.shard_${index}.weight`;
}

/** The shards by their index, none missing. */
function orderedShards(source: CheckpointSource, layer: number, config: unknown): LocatedTensor[] {
  const found = matchTensors(source, SHARD).filter(({ match }) => Number(match[2]) === layer);
  const byIndex = new Map<number, LocatedTensor>();
  for (const { match, located } of found) {
    const index = Number(match[3] ?? 0);
    const other = byIndex.get(index);
    if (other !== undefined) {
      throw invalidConfig(
        "layers",
        `two tensors claim to be shard ${index} of layer ${layer}'s table: ${other.tensor.name} and ${located.tensor.name}; import from a folder with one of them`,
      );
    }
    byIndex.set(index, located);
  }
  const stated =
    config === undefined || found.some(({ match }) => match[3] === undefined)
      ? byIndex.size
      : configFields(config, ["text_config"], "ple_layer_ids").whole("split_ngram_parts", 1, MAX_SHARDS, byIndex.size);
  const count = Math.max(stated, ...[...byIndex.keys()].map((index) => index + 1));
  return Array.from({ length: byIndex.size === 0 ? 0 : count }, (_, index) => {
    const shard = byIndex.get(index);
    if (shard === undefined) throw missingTensor(shardName(layer, index), source, `shard ${index} of ${count}`);
    return shard;
  });
}

async function readEncoding(source: CheckpointSource, first: LocatedTensor, scaleName: string): Promise<RowEncoding> {
  const { dtype, shape } = first.tensor;
  const width = shape[1] ?? 0;
  let encoding: RowEncoding;
  if (dtype === "F8_E4M3") encoding = { kind: "fp8-e4m3", width, scale: await readScale(source, scaleName) };
  else encoding = { kind: dtype === "BF16" ? "bf16" : dtype === "F16" ? "f16" : "f32", width };
  checkRowEncoding(encoding, "checkpointTables");
  return encoding;
}

/** The one scale of an fp8 table, shape [] or [1]. */
async function readScale(source: CheckpointSource, name: string): Promise<number> {
  const scale = tensorNamed(source, name);
  if (scale === undefined) throw missingTensor(name, source, "the scale of the fp8 table");
  checkTensor(scale, ["BF16", "F16", "F32"], scale.tensor.shape.length === 0 ? [] : [1]);
  const bytes = await source.read(scale.shard.uri, scale.tensor.begin, scale.tensor.end);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (scale.tensor.dtype === "F32") return view.getFloat32(0, true);
  const code = view.getUint16(0, true);
  return scale.tensor.dtype === "BF16" ? decodeBfloat16(code) : decodeFloat16(code);
}

/** The checkpoint stores what the hash was computed with: where that differs from what we derive, every row id would. */
async function checkStoredNumbers(
  source: CheckpointSource,
  prefix: string,
  layer: number,
  derived: StoredDerivation,
): Promise<void> {
  const own = derived.layers.find((entry) => entry.layer === layer);
  if (own === undefined) return;
  const multipliers = await readWholes(source, `${prefix}layer_multipliers`, own.multipliers.length);
  const sizes = await readWholes(source, `${prefix}ngram_heads_vocab_sizes`, own.offsets.length);
  const offsets = await readWholes(source, `${prefix}ngram_heads_offsets`, own.offsets.length);
  const heads = own.primes[0]?.length ?? 1;
  const stored = {
    ...own,
    ...(multipliers === undefined ? {} : { multipliers: multipliers.map(String) }),
    ...(offsets === undefined ? {} : { offsets: offsets.map(Number) }),
    ...(sizes === undefined
      ? {}
      : { primes: own.primes.map((_, order) => sizes.slice(order * heads, (order + 1) * heads).map(Number)) }),
  };
  checkDerivation({ layers: [stored] }, { layers: [own] }, "checkpointTables");
}

async function readWholes(
  source: CheckpointSource,
  name: string,
  count: number,
): Promise<readonly bigint[] | undefined> {
  const found = tensorNamed(source, name);
  if (found === undefined) return undefined;
  checkTensor(found, ["I64"], [count]);
  const bytes = await source.read(found.shard.uri, found.tensor.begin, found.tensor.end);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => view.getBigInt64(i * 8, true));
}
