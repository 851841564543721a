// Finds the Engram tables in a checkpoint of safetensors files: which layout it has, how its tokens are addressed, and
// where each table's rows lie, as the modules of a manifest. Headers and a few small tensors are read, no rows. Everything
// that can be checked is: a table whose rows are not the ones its configuration derives is refused.

import { createAddressing } from "../addressing/addressing.js";
import type { AddressingConfig } from "../addressing/addressing-config.js";
import { EngramError } from "../errors.js";
import type { ManifestModule } from "../rows/manifest.js";
import { demoAddressing, demoModule, hasDemoTables } from "./demo-tables.js";
import { quoted } from "./header-json.js";
import {
  deepseekV41Addressing,
  deepseekV41Module,
  hasDeepseekV41Tables,
  statedDeepseekV41Rows,
} from "./published-deepseek-v41.js";
import { hasQwenPleTables, qwenPleAddressing, qwenPleModule } from "./published-qwen-ple.js";
import { checkCompressed } from "./table-addressing.js";
import {
  type CheckpointLayout,
  type CheckpointSource,
  type CheckpointTables,
  type CheckpointTablesOptions,
  rowsMismatch,
} from "./table-source.js";

const operation = "checkpointTables";

/** Each layout's own kind of addressing. */
const KINDS: Readonly<Record<CheckpointLayout, AddressingConfig["kind"]>> = {
  "deepseek-v4.1": "deepseek-v4.1",
  "qwen3.8": "qwen-ple",
  "engram-demo": "engram",
};

/**
 * Which layout a checkpoint's tables have, by the names of its tensors.
 * @throws EngramError `not-found` where there are no tables, `invalid-argument` where there are those of two models.
 */
export function checkpointLayout(source: CheckpointSource): CheckpointLayout {
  const found: CheckpointLayout[] = [];
  if (hasDeepseekV41Tables(source)) found.push("deepseek-v4.1");
  if (hasQwenPleTables(source)) found.push("qwen3.8");
  if (hasDemoTables(source)) found.push("engram-demo");
  const [layout, other] = found;
  if (layout === undefined) {
    const names = source.shards.flatMap(({ header }) => [...header.tensors.keys()]);
    throw new EngramError({
      code: "not-found",
      operation,
      message: `none of the ${names.length} tensors is an Engram table; looked for layers.N.engram.embed.weight (DeepSeek-V4.1), layers.N.ple.ple_embedding.ngram_embedding.shard_K.weight (Qwen3.8-Flash-Next) and multi_head_embedding.embedding.weight (the demo); found ${names.slice(0, 4).map(quoted).join(", ")}${names.length > 4 ? ", ..." : ""}`,
      context: { tensors: names.length },
    });
  }
  if (other === undefined) return layout;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: `the files hold tables of ${layout} and of ${other}; import from a folder with one model's files`,
    context: { found },
  });
}

/**
 * Finds and checks the tables of a checkpoint.
 * @throws EngramError `not-found` (no tables; a tensor or shard that is missing), `invalid-config` (config.json),
 * `unsupported` (a tensor's type), `manifest-mismatch` (shape, row count, stored hash numbers or token map other than the
 * configuration derives, naming both), `invalid-argument` (a layer that has no table), and what `source.read` throws.
 */
export async function checkpointTables(
  source: CheckpointSource,
  options: CheckpointTablesOptions = {},
): Promise<CheckpointTables> {
  const layout = checkpointLayout(source);
  const { tokenMap } = options;
  const addressing = options.addressing ?? addressingOf(layout, source, options);
  if (addressing.kind !== KINDS[layout]) {
    throw new EngramError({
      code: "manifest-mismatch",
      operation,
      message: `the tables are laid out as ${layout}, and the addressing given is of kind ${addressing.kind}; give one of kind ${KINDS[layout]}`,
      context: { layout, kind: addressing.kind },
    });
  }
  if (addressing.kind !== "qwen-ple") checkCompressed(tokenMap, addressing.vocabSize, "the addressing's vocabSize");
  const derived = createAddressing(addressing).derivation();
  const layers = chosenLayers(addressing.layers, options.layers);
  const stated =
    layout === "deepseek-v4.1" && options.addressing === undefined
      ? statedDeepseekV41Rows(source.config)
      : new Map<number, number>();
  const modules: ManifestModule[] = [];
  for (const layer of layers) {
    const rows = derived.layers.find((entry) => entry.layer === layer)?.rows ?? 0; // chosen among the addressing's
    const written = stated.get(layer);
    if (written !== undefined && written !== rows) throw rowsMismatch("engram_num_embeddings", written, rows, layer);
    let module: ManifestModule;
    if (layout === "deepseek-v4.1") module = deepseekV41Module(source, layer);
    else if (layout === "engram-demo") module = demoModule(source, layer, addressing.layers);
    else
      module = await qwenPleModule(
        source,
        layer,
        derived,
        options.addressing === undefined ? source.config : undefined,
      );
    if (module.rows !== rows) throw rowsMismatch("the checkpoint's table", module.rows, rows, layer);
    modules.push(module);
  }
  return { layout, addressing, derived, modules };
}

function addressingOf(
  layout: CheckpointLayout,
  { config }: CheckpointSource,
  { tokenMap }: CheckpointTablesOptions,
): AddressingConfig {
  if (config === undefined) {
    throw new EngramError({
      code: "not-found",
      operation,
      message: "there is no config.json beside the checkpoint's files; put it there, or give the addressing",
    });
  }
  if (layout === "deepseek-v4.1") return deepseekV41Addressing(config, tokenMap);
  return layout === "qwen3.8" ? qwenPleAddressing(config) : demoAddressing(config, tokenMap);
}

function chosenLayers(all: readonly number[], only: readonly number[] | undefined): readonly number[] {
  for (const layer of only ?? []) {
    if (all.includes(layer)) continue;
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `layer ${layer} has no table in this configuration; use some of ${all.join(", ")}`,
      context: { layer },
    });
  }
  return only === undefined ? all : all.filter((layer) => only.includes(layer));
}
