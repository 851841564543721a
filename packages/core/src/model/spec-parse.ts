// Reads a model specification that came from outside: every field's type and range, then what fields mean together. The
// result is complete and plain: defaults filled in, repeated blocks written out. Reading it again gives an equal one.

import { parseAddressingConfig } from "../addressing/addressing-config.js";
import { deriveLayers } from "../addressing/derive-layers.js";
import { EngramError, isEngramError } from "../errors.js";
import { checkRowEncoding } from "../rows/encoding.js";
import type { BlockSlot, ModelShape } from "./block-kind.js";
import { type BlockKindOptions, slotKinds } from "./block-kinds.js";
import {
  type AttentionSpec,
  type BlockSpec,
  type FeedForwardSpec,
  type MemorySpec,
  MODEL_SPEC_VERSION,
  type ModelSpec,
  type StreamsSpec,
} from "./model-spec.js";
import { modelParameters } from "./parameters.js";
import { parameterValues } from "./parameters-shape.js";
import { parseEngram } from "./spec-engram.js";
import { refuseSpec, type SpecFields, specFields } from "./spec-fields.js";
import { EPSILON_RANGE, MODEL_LIMITS } from "./spec-limits.js";

/**
 * Checks a model specification, in its short form or complete, and returns it complete. Kinds of the user's own are
 * passed in `options.kinds`. Bounds are in {@link MODEL_LIMITS}.
 * @throws EngramError `invalid-config`; its message and `context.path` name the field, as `blocks[3].attention.kvHeads`.
 * @throws EngramError `invalid-argument` where `options.kinds` is not usable.
 */
export function parseModelSpec(value: unknown, options: BlockKindOptions = {}): ModelSpec {
  const fields = specFields(value, "");
  const version = fields.whole("version", { least: 1, most: 1, fallback: MODEL_SPEC_VERSION }, "the format's version");
  const name = fields.text("name", MODEL_LIMITS.name);
  const description = fields.text("description", MODEL_LIMITS.description);
  const model: ModelShape = {
    vocabSize: fields.whole("vocabSize", { least: 1, most: MODEL_LIMITS.vocabSize }, "the number of token ids"),
    width: fields.whole("width", { least: 1, most: MODEL_LIMITS.width }, "the values of a hidden state"),
    contextTokens: fields.whole(
      "contextTokens",
      { least: 1, most: MODEL_LIMITS.contextTokens },
      "the most tokens of a sequence",
    ),
    normEpsilon: fields.real("normEpsilon", { ...EPSILON_RANGE, fallback: 1e-6 }, "the epsilon of the norms"),
    streams: parseStreams(fields.object("streams")),
  };
  const head = fields.choice("head", ["separate", "tied"], "separate");
  const memory = parseMemory(fields.object("memory"), model);
  const blocks = parseBlocks(fields, model, memory, options);
  fields.end();
  const spec: ModelSpec = {
    version: version === MODEL_SPEC_VERSION ? version : MODEL_SPEC_VERSION,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...model,
    head,
    ...(memory === undefined ? {} : { memory }),
    blocks,
  };
  checkLayers(spec);
  const total = modelParameters(spec, options).reduce((sum, one) => sum + parameterValues(one), 0);
  if (total > MODEL_LIMITS.parameters) {
    refuseSpec("", value, `its parameters have ${total} values, more than 2^53; use smaller sizes`);
  }
  return spec;
}

function parseStreams(fields: SpecFields | undefined): StreamsSpec {
  if (fields === undefined) return { kind: "residual", count: 1 };
  const kind = fields.choice("kind", ["residual", "mhc", "mhc-single-pass"], "residual");
  if (kind === "residual") {
    fields.whole("count", { least: 1, most: 1, fallback: 1 }, "a plain residual has one stream");
    fields.end();
    return { kind, count: 1 };
  }
  const streams: StreamsSpec = {
    kind,
    count: fields.whole("count", { least: 1, most: MODEL_LIMITS.streams }, "the residual streams"),
    sinkhornIterations: fields.whole(
      "sinkhornIterations",
      { least: 1, most: MODEL_LIMITS.sinkhornIterations, fallback: 20 },
      "the iterations of Sinkhorn-Knopp",
    ),
    epsilon: fields.real("epsilon", { ...EPSILON_RANGE, fallback: 1e-6 }, "the epsilon of Sinkhorn-Knopp"),
  };
  fields.end();
  return streams;
}

function parseMemory(fields: SpecFields | undefined, model: ModelShape): MemorySpec | undefined {
  if (fields === undefined) return undefined;
  const addressing = within("memory.addressing", fields.value("addressing"), (value) => {
    const config = parseAddressingConfig(value);
    deriveLayers(config); // refuses tables whose primes overflow a row id
    return config;
  });
  if (addressing.vocabSize > model.vocabSize) {
    refuseSpec(
      "memory.addressing.vocabSize",
      addressing.vocabSize,
      `the model has ${model.vocabSize} token ids, and tokens are never more when compressed; use at most as many`,
    );
  }
  const encoding = within("memory.encoding", fields.value("encoding"), (value) => {
    checkRowEncoding(value, "parseModelSpec");
    const { kind, width } = value;
    return kind === "fp8-e4m3" ? { kind, width, scale: value.scale } : { kind, width };
  });
  fields.end();
  return { addressing, encoding };
}

/** Runs a parser that has errors of its own, and puts the path before what it says. */
function within<T>(path: string, value: unknown, parse: (value: unknown) => T): T {
  try {
    return parse(value);
  } catch (cause) {
    if (!isEngramError(cause)) throw cause;
    const said = cause.message.slice(cause.operation.length + 2); // after "operation: "
    const { field } = cause.context;
    const named = typeof field === "string" && /^\w+(\[\d+\])?$/.test(field) ? `${path}.${field}` : path;
    throw new EngramError({
      code: "invalid-config",
      operation: "parseModelSpec",
      message: `${path}: ${said}`,
      context: { path: named },
      cause,
    });
  }
}

function parseBlocks(
  fields: SpecFields,
  model: ModelShape,
  memory: MemorySpec | undefined,
  options: BlockKindOptions,
): readonly BlockSpec[] {
  const common = {
    attention: parsePart<AttentionSpec>(fields, "attention", model, options),
    feedForward: parsePart<FeedForwardSpec>(fields, "feedForward", model, options),
  };
  const blocks: BlockSpec[] = [];
  for (const entry of fields.objects("blocks", 1, MODEL_LIMITS.blocks)) {
    const most = MODEL_LIMITS.blocks - blocks.length;
    if (most === 0) entry.refuse("repeat", `there are ${MODEL_LIMITS.blocks} blocks before it, and no more may be`);
    const repeat = entry.whole("repeat", { least: 1, most, fallback: 1 }, "how many equal blocks in a row");
    const given = entry.object("engram");
    const engram = given && parseEngram(given, memory);
    if (engram !== undefined && repeat > 1) {
      entry.refuse("repeat", "a block with an engram has a table of its own and stands alone; write it out");
    }
    const missing = "give it here or, for all blocks, at the top";
    const attention =
      parsePart<AttentionSpec>(entry, "attention", model, options) ??
      common.attention ??
      entry.refuse("attention", missing);
    const feedForward =
      parsePart<FeedForwardSpec>(entry, "feedForward", model, options) ??
      common.feedForward ??
      entry.refuse("feedForward", missing);
    entry.end();
    const block = engram === undefined ? { attention, feedForward } : { engram, attention, feedForward };
    for (let i = 0; i < repeat; i++) blocks.push(block);
  }
  return blocks;
}

/** The part in a slot, by its kind's own parser; `undefined` where it is left out. */
function parsePart<Part extends AttentionSpec | FeedForwardSpec>(
  parent: SpecFields,
  slot: BlockSlot,
  model: ModelShape,
  options: BlockKindOptions,
): Part | undefined {
  const fields = parent.object(slot);
  if (fields === undefined) return undefined;
  const kinds = slotKinds(slot, options);
  const named = fields.value("kind");
  const kind = kinds.find((one) => one.kind === named);
  if (kind === undefined) {
    const own = typeof named === "string" && named.includes("/") ? "; pass a kind of your own in the option kinds" : "";
    return fields.refuse("kind", `use one of ${kinds.map((one) => one.kind).join(", ")}${own}`);
  }
  const part = kind.parse(fields, model);
  fields.end();
  return part as Part; // slotKinds gives kinds of this slot alone
}

/** Tables and the modules that read them belong together. */
function checkLayers({ memory, blocks }: ModelSpec): void {
  const layers = memory?.addressing.layers ?? [];
  layers.forEach((layer, i) => {
    if (blocks[layer]?.engram !== undefined) return;
    const why = layer < blocks.length ? `block ${layer} has no engram` : `there are ${blocks.length} blocks, from 0`;
    refuseSpec(`memory.addressing.layers[${i}]`, layer, `${why}; name just the blocks with an engram`);
  });
  blocks.forEach(({ engram }, i) => {
    if (engram === undefined || layers.includes(i)) return;
    const named = layers.length === 0 ? "there is no memory" : `memory.addressing.layers is ${layers.join(", ")}`;
    refuseSpec(`blocks[${i}].engram`, engram, `block ${i} has a module and no table: ${named}; name its block there`);
  });
}
