// The tables of DeepSeek-V4.1 as published: `layers.N.engram.embed.weight`, fp8 values, and `.embed.scale`, one E8M0 byte
// per 32 values, in two tensors. Names and configuration keys as transformers' `deepseek_v41` reads them; defaults are its
// own. A prefix such as `model.` may stand before the names.

import { ADDRESSING_LIMITS, type AddressingConfig, parseAddressingConfig } from "../addressing/addressing-config.js";
import { compressIds, type TokenMap } from "../addressing/token-map.js";
import { checkRowEncoding, E8M0_BLOCK, type RowEncoding } from "../rows/encoding.js";
import type { ManifestModule } from "../rows/manifest.js";
import { MAX_ROWS } from "../rows/table.js";
import { checkCompressed } from "./table-addressing.js";
import { configFields, invalidConfig } from "./table-config.js";
import {
  type CheckpointSource,
  checkTensor,
  matchTensors,
  missingTensor,
  regionOf,
  tensorNamed,
} from "./table-source.js";

const WEIGHT = /^(.*\.)?layers\.(\d{1,5})\.engram\.embed\.weight$/;

/** Whether the checkpoint has tables of this layout. */
export function hasDeepseekV41Tables(source: CheckpointSource): boolean {
  return matchTensors(source, WEIGHT).length > 0;
}

/** How a config.json of DeepSeek-V4.1 addresses its tables. */
export function deepseekV41Addressing(config: unknown, tokenMap: TokenMap | undefined): AddressingConfig {
  const fields = configFields(config, ["text_config"], "engram_layer_ids");
  const layers = fields.wholes("engram_layer_ids", 0, ADDRESSING_LIMITS.layer) ?? [];
  const maxOrder = fields.whole("engram_max_ngram_size", 2, ADDRESSING_LIMITS.tableSizes + 1, 4);
  const tableSize = fields.whole("engram_vocab_size", 2, ADDRESSING_LIMITS.tableSize, 16_000_000);
  const vocabSize = fields.whole("engram_compressed_vocab_size", 1, ADDRESSING_LIMITS.vocabSize, 99_092);
  checkCompressed(tokenMap, vocabSize, "engram_compressed_vocab_size");
  const rawPad = fields.wholeOf(["engram_pad_token_id", "engram_pad_id"], 0, ADDRESSING_LIMITS.vocabSize - 1, 2);
  return parseAddressingConfig({
    kind: "deepseek-v4.1",
    vocabSize,
    seed: 0, // the model has no such setting
    layers,
    tableSizes: Array.from({ length: maxOrder - 1 }, () => tableSize),
    headsPerOrder: fields.whole("engram_n_heads", 1, ADDRESSING_LIMITS.headsPerOrder, 8),
    padId: tokenMap === undefined ? rawPad : compressIds(tokenMap, [rawPad])[0],
  });
}

/** The rows that config.json states for each layer, where it does. */
export function statedDeepseekV41Rows(config: unknown): ReadonlyMap<number, number> {
  const fields = configFields(config, ["text_config"], "engram_layer_ids");
  const layers = fields.wholes("engram_layer_ids", 0, ADDRESSING_LIMITS.layer) ?? [];
  const rows = fields.wholes("engram_num_embeddings", 1, MAX_ROWS);
  if (rows !== undefined && rows.length !== layers.length) {
    throw invalidConfig(
      "engram_num_embeddings",
      `config.json: engram_num_embeddings has ${rows.length} entries, and engram_layer_ids ${layers.length}`,
    );
  }
  return new Map((rows ?? []).map((count, i) => [layers[i] ?? -1, count])); // of one length
}

/** One layer's table. */
export function deepseekV41Module(source: CheckpointSource, layer: number): ManifestModule {
  const found = matchTensors(source, WEIGHT).filter(({ match }) => Number(match[2]) === layer);
  const [first, second] = found;
  const wanted = `layers.${layer}.engram.embed.weight`;
  if (first === undefined) throw missingTensor(wanted, source, `the table of layer ${layer}`);
  if (second !== undefined) {
    throw invalidConfig(
      "layers",
      `two tensors claim to be layer ${layer}'s table: ${first.located.tensor.name} and ${second.located.tensor.name}; import from a folder with one of them`,
    );
  }
  const weight = first.located;
  checkTensor(weight, ["F8_E4M3"], [undefined, undefined]);
  const [rows = 0, width = 0] = weight.tensor.shape;
  const encoding: RowEncoding = { kind: "fp8-e4m3-e8m0", width };
  checkRowEncoding(encoding, "checkpointTables");
  const scaleName = weight.tensor.name.replace(/weight$/, "scale");
  const scale = tensorNamed(source, scaleName);
  if (scale === undefined) throw missingTensor(scaleName, source, `the scales of layer ${layer}'s table`);
  // Some writers know no type for these bytes and call them U8.
  checkTensor(scale, ["F8_E8M0", "U8"], [rows, width / E8M0_BLOCK]);
  return {
    layer,
    rows,
    encoding,
    parts: [{ firstRow: 0, rows, data: regionOf(weight, width), scales: regionOf(scale, width / E8M0_BLOCK) }],
  };
}
