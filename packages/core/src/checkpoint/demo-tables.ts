// Tables named as the paper's demo code names them: `...N.engram.multi_head_embedding.embedding.weight`, one float tensor
// [sum of primes, width] a layer, in any PyTorch-named checkpoint. The number before `engram.` is the 0-based block; a
// file of a single module may have none. The configuration's keys are those of the demo's own dataclass, at the top of
// config.json or under `engram` or `engram_config`.

import { ADDRESSING_LIMITS, type AddressingConfig, parseAddressingConfig } from "../addressing/addressing-config.js";
import { compressIds, type TokenMap } from "../addressing/token-map.js";
import { checkRowEncoding, encodedRowBytes, type RowEncoding } from "../rows/encoding.js";
import type { ManifestModule } from "../rows/manifest.js";
import { checkCompressed } from "./table-addressing.js";
import { configFields, invalidConfig } from "./table-config.js";
import {
  type CheckpointSource,
  checkTensor,
  type LocatedTensor,
  matchTensors,
  missingTensor,
  regionOf,
} from "./table-source.js";

const WEIGHT = /^(?:(?:.*\.)?(\d{1,5})\.)?(?:engram\.)?multi_head_embedding\.embedding\.weight$/;

/** Whether the checkpoint has tables of this layout. */
export function hasDemoTables(source: CheckpointSource): boolean {
  return matchTensors(source, WEIGHT).length > 0;
}

/** How the demo's configuration addresses its tables. */
export function demoAddressing(config: unknown, tokenMap: TokenMap | undefined): AddressingConfig {
  const fields = configFields(config, ["engram", "engram_config"], "engram_vocab_size");
  const tableSizes = fields.wholes("engram_vocab_size", 2, ADDRESSING_LIMITS.tableSize) ?? [];
  const maxOrder = fields.whole("max_ngram_size", 2, ADDRESSING_LIMITS.tableSizes + 1, tableSizes.length + 1);
  if (maxOrder !== tableSizes.length + 1) {
    throw invalidConfig(
      "max_ngram_size",
      `config.json: max_ngram_size is ${maxOrder}, and engram_vocab_size has ${tableSizes.length} entries, one for each order from 2`,
    );
  }
  const vocabSize = fields.whole("compressed_vocab_size", 1, ADDRESSING_LIMITS.vocabSize, tokenMap?.compressed);
  checkCompressed(tokenMap, vocabSize, "compressed_vocab_size");
  const rawPad = fields.whole("pad_id", 0, ADDRESSING_LIMITS.vocabSize - 1, 2);
  return parseAddressingConfig({
    kind: "engram",
    vocabSize,
    seed: fields.whole("seed", 0, ADDRESSING_LIMITS.seed, 0),
    layers: fields.wholes("layer_ids", 0, ADDRESSING_LIMITS.layer),
    tableSizes,
    headsPerOrder: fields.whole("n_head_per_ngram", 1, ADDRESSING_LIMITS.headsPerOrder, 8),
    padId: tokenMap === undefined ? rawPad : compressIds(tokenMap, [rawPad])[0],
  });
}

/** One layer's table. */
export function demoModule(source: CheckpointSource, layer: number, layers: readonly number[]): ManifestModule {
  const all = matchTensors(source, WEIGHT);
  const named = all.filter(({ match }) => match[1] !== undefined && Number(match[1]) === layer);
  // Without a number the name says nothing of the layer: right only where there is one of each.
  const found =
    named.length === 0 && all.length === 1 && all[0]?.match[1] === undefined && layers.length === 1 ? all : named;
  const [first, second] = found;
  if (first === undefined) {
    const name = `layers.${layer}.engram.multi_head_embedding.embedding.weight`;
    throw missingTensor(name, source, `the table of layer ${layer}`);
  }
  if (second !== undefined) {
    throw invalidConfig(
      "layers",
      `two tensors claim to be layer ${layer}'s table: ${first.located.tensor.name} and ${second.located.tensor.name}; import from a folder with one of them`,
    );
  }
  const encoding = floatEncoding(first.located);
  const rows = first.located.tensor.shape[0] ?? 0;
  const data = regionOf(first.located, encodedRowBytes(encoding));
  return { layer, rows, encoding, parts: [{ firstRow: 0, rows, data }] };
}

function floatEncoding(located: LocatedTensor): RowEncoding {
  checkTensor(located, ["F32", "F16", "BF16"], [undefined, undefined]);
  const { dtype, shape } = located.tensor;
  const encoding: RowEncoding = {
    kind: dtype === "F32" ? "f32" : dtype === "F16" ? "f16" : "bf16",
    width: shape[1] ?? 0,
  };
  checkRowEncoding(encoding, "checkpointTables");
  return encoding;
}
