// A checkpoint opened for a model: every parameter found and checked by name, type and shape before a value is read, then
// values one parameter at a time, by byte ranges. Ours carry their specification; those of others are read with a
// specification and a map of names. Not here: writing (checkpoint-save.ts), rows of tables.

import { EngramError } from "../errors.js";
import type { BlockKindOptions } from "../model/block-kinds.js";
import type { ModelSpec } from "../model/model-spec.js";
import { modelParameters } from "../model/parameters.js";
import type { ParameterShape } from "../model/parameters-shape.js";
import { parseModelSpec } from "../model/spec-parse.js";
import type { NamedTensor } from "../reference/named-tensors.js";
import { MANIFEST_NAME, type Manifest } from "../rows/manifest.js";
import { CONFIG_NAME } from "./checkpoint-index.js";
import { readTables } from "./checkpoint-manifest.js";
import { type CheckpointStorage, parseJson, readSmall } from "./checkpoint-storage.js";
import { type CheckpointTensors, hexDigest, openTensors } from "./checkpoint-tensors.js";
import { DTYPE_BITS } from "./dtype.js";
import { quoted } from "./header-json.js";
import { type ParameterNames, type TensorPiece, valuesOf, wholeTensor } from "./parameter-names.js";
import type { SafetensorsTensor } from "./safetensors-header.js";
import { decodeWeight, isWeightDtype, SCALE_SUFFIX, WEIGHT_DTYPES } from "./weight-encoding.js";

/** Most bytes of a config.json. */
const MAX_CONFIG_BYTES = 2 ** 24;

/** Parameters that are read at once: enough to hide a request's latency, few enough for memory. */
const AT_ONCE = 8;

/** How a checkpoint is opened. Names in lists are whole names, or begin whole names up to a dot: `blocks.1`. */
export interface OpenCheckpointOptions extends BlockKindOptions {
  /** The model, for checkpoints of others. Default what `config.json` says. */
  readonly spec?: ModelSpec;
  /** Where the checkpoint has other names than ours. */
  readonly names?: ParameterNames;
  /** Only these parameters, by our names; the others need not be there. Default all. */
  readonly only?: readonly string[];
  /** The checkpoint's own names of tensors that are no part of the model and may be there. */
  readonly ignore?: readonly string[];
  /** `off`: digests are not compared. Default `tensors`: those of all that is read are, where the checkpoint has them. */
  readonly verify?: "tensors" | "off";
}

/** A checkpoint whose parameters are there, in the types and shapes of its model. */
export interface Checkpoint {
  readonly spec: ModelSpec;
  /** Those that were asked for, in the model's order; tables are not among them. */
  readonly parameters: readonly ParameterShape[];
  /**
   * One parameter's values, float32, the caller's own.
   * @throws EngramError `not-found` for one that was not asked for, `digest-mismatch`, `truncated`, `io`, ...
   */
  read(name: string): Promise<NamedTensor & { readonly values: Float32Array }>;
  /**
   * The manifest of the tables beside the checkpoint, checked against the model; `undefined` where there is none.
   * @throws EngramError `invalid-manifest`, `manifest-mismatch`; `digest-mismatch` where it is not the one saved with.
   */
  manifest(): Promise<Manifest | undefined>;
}

const operation = "openCheckpoint";

/**
 * Opens a checkpoint: reads its index, its specification, and the headers of the shards that are needed.
 * @throws EngramError `not-found` for a checkpoint, shard or tensor that is missing; `manifest-mismatch` for a tensor of
 * another shape, or one that the model does not have; `unsupported` for a tensor's type; `invalid-config` for
 * `config.json`; `invalid-manifest` for the index; `invalid-safetensors`, `truncated` for a shard; `digest-mismatch`;
 * `invalid-argument` for the options.
 */
export async function openCheckpoint(
  storage: CheckpointStorage,
  options: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  const { names = new Map(), ignore = [], verify = "tensors" } = options;
  if (verify !== "tensors" && verify !== "off") {
    throw refused("invalid-argument", `options.verify is ${JSON.stringify(verify)}; use "tensors" or "off"`, {});
  }
  const tensors = await openTensors(storage, verify, operation);
  const spec = options.spec ?? (await readSpec(storage, tensors, options));
  const all = modelParameters(spec, options).filter(({ component }) => component !== "engram tables");
  const piecesOf = ({ name, shape }: ParameterShape): readonly TensorPiece[] =>
    names.get(name) ?? [wholeTensor(name, ...shape)];
  refuseExtra(tensors, new Set(all.flatMap((one) => piecesOf(one).map(({ name }) => name))), ignore, storage);
  const parameters = chosen(all, options.only);
  for (const parameter of parameters) checkPieces(parameter, piecesOf(parameter));
  const sources = new Map<string, readonly Source[]>();
  // all at once, so that the headers of all shards are fetched in the time of one
  const locating = parameters.map(async (parameter) => {
    const found = piecesOf(parameter).map((piece) => locate(tensors, piece, storage));
    sources.set(parameter.name, await Promise.all(found));
  });
  await Promise.all(locating);
  return {
    spec,
    parameters,
    async read(name) {
      const found = sources.get(name);
      const shape = parameters.find((one) => one.name === name)?.shape;
      if (found === undefined || shape === undefined) {
        throw refused("not-found", `parameter ${quoted(name)} is not among those that the checkpoint was opened for`, {
          tensor: name,
        });
      }
      const [first, second] = found;
      if (first !== undefined && second === undefined) return { shape, values: await readPiece(tensors, first) };
      const values = new Float32Array(valuesOf(shape));
      let at = 0;
      for (const source of found) {
        values.set(await readPiece(tensors, source), at);
        at += source.piece.end - source.piece.begin;
      }
      return { shape, values };
    },
    async manifest() {
      const tables = await readTables(storage, spec, operation);
      const expected = tensors.index.digests?.manifest;
      if (expected === undefined || verify === "off" || tables?.file.sha256 === expected.sha256)
        return tables?.manifest;
      throw refused(
        tables === undefined ? "not-found" : "digest-mismatch",
        `${MANIFEST_NAME} in ${storage.name} is ${tables === undefined ? "not there" : "another one"}, and the checkpoint was saved beside one of SHA-256 ${expected.sha256}; put that one there`,
        { expected: expected.sha256 },
      );
    },
  };
}

/**
 * Reads a checkpoint's parameters into memory.
 * @returns parameters by our names, float32, to be given to a backend's `upload` and to `createModel`.
 * @throws EngramError as {@link openCheckpoint} and {@link Checkpoint.read}.
 */
export async function loadCheckpoint(
  storage: CheckpointStorage,
  options: OpenCheckpointOptions = {},
): Promise<{ readonly spec: ModelSpec; readonly parameters: ReadonlyMap<string, NamedTensor> }> {
  const checkpoint = await openCheckpoint(storage, options);
  const read = new Map<string, NamedTensor>();
  const left = checkpoint.parameters.values();
  const reader = async (): Promise<void> => {
    for (const { name } of left) read.set(name, await checkpoint.read(name));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  // in the model's order, whichever came first
  const parameters = new Map(checkpoint.parameters.flatMap(({ name }) => [...entry(read, name)]));
  return { spec: checkpoint.spec, parameters };
}

function entry(read: ReadonlyMap<string, NamedTensor>, name: string): readonly (readonly [string, NamedTensor])[] {
  const tensor = read.get(name);
  return tensor === undefined ? [] : [[name, tensor]];
}

/** A piece, and the tensors that it is read from. */
interface Source {
  readonly piece: TensorPiece;
  readonly tensor: SafetensorsTensor;
  readonly scales?: SafetensorsTensor;
}

async function locate(tensors: CheckpointTensors, piece: TensorPiece, storage: CheckpointStorage): Promise<Source> {
  const tensor = await tensors.find(piece.name);
  checkShape(tensor, piece.shape, storage);
  if (!isWeightDtype(tensor.dtype)) throw wrongType(tensor, WEIGHT_DTYPES, storage);
  if (tensor.dtype !== "I8") {
    if (tensors.index.shardOf.has(piece.name + SCALE_SUFFIX)) throw wrongType(tensor, ["I8"], storage);
    return { piece, tensor };
  }
  const scales = await tensors.find(piece.name + SCALE_SUFFIX);
  checkShape(scales, piece.shape.slice(0, -1), storage);
  if (scales.dtype !== "F32") throw wrongType(scales, ["F32"], storage);
  return { piece, tensor, scales };
}

async function readPiece(tensors: CheckpointTensors, { piece, tensor, scales }: Source): Promise<Float32Array> {
  const { dtype } = tensor;
  if (!isWeightDtype(dtype)) throw new TypeError(`${dtype} was let through`); // locate refuses it
  const width = piece.shape.at(-1) ?? 1;
  const size = DTYPE_BITS[dtype] / 8;
  const [bytes, factors] = await Promise.all([
    tensors.read(tensor, piece.begin * size, piece.end * size),
    scales && tensors.read(scales, (piece.begin / width) * 4, (piece.end / width) * 4),
  ]);
  return decodeWeight(dtype, bytes, width, factors ?? new Uint8Array(0));
}

async function readSpec(
  storage: CheckpointStorage,
  { index }: CheckpointTensors,
  options: OpenCheckpointOptions,
): Promise<ModelSpec> {
  const bytes = await readSmall(storage, CONFIG_NAME, MAX_CONFIG_BYTES, operation);
  if (bytes === undefined) {
    throw refused("not-found", `there is no ${CONFIG_NAME} in ${storage.name}; put it there, or give options.spec`, {});
  }
  const expected = index.digests?.config.sha256;
  if (expected !== undefined && options.verify !== "off" && (await hexDigest(bytes)) !== expected) {
    throw refused(
      "digest-mismatch",
      `${CONFIG_NAME} in ${storage.name} is not the one that the checkpoint was saved with (SHA-256 ${expected}); fetch it again, or give options.spec`,
      { expected },
    );
  }
  return parseModelSpec(parseJson(bytes, CONFIG_NAME, "invalid-config", operation), options);
}

function refuseExtra(
  { index }: CheckpointTensors,
  known: ReadonlySet<string>,
  ignore: readonly string[],
  storage: CheckpointStorage,
): void {
  const extra = [...index.shardOf.keys()].filter(
    (name) =>
      !known.has(name) &&
      !(name.endsWith(SCALE_SUFFIX) && known.has(name.slice(0, -SCALE_SUFFIX.length))) &&
      !ignore.some((one) => within(name, one)),
  );
  if (extra.length === 0) return;
  const some = extra.slice(0, 8).map(quoted).join(", ");
  throw refused(
    "manifest-mismatch",
    `${storage.name} has tensors that the model has not: ${some}${extra.length > 8 ? ` and ${extra.length - 8} more` : ""}; is it another model's checkpoint? Name in options.ignore what may be there`,
    { tensor: extra[0], tensors: extra.slice(0, 100) },
  );
}

function chosen(all: readonly ParameterShape[], only: readonly string[] | undefined): readonly ParameterShape[] {
  for (const one of only ?? []) {
    if (all.some(({ name }) => within(name, one))) continue;
    throw refused(
      "invalid-argument",
      `options.only names ${quoted(String(one))}, and the model has no such parameter`,
      {
        tensor: one,
      },
    );
  }
  return only === undefined ? all : all.filter(({ name }) => only.some((one) => within(name, one)));
}

/** Whether a name is the given one, or begins with it up to a dot. */
function within(name: string, given: string): boolean {
  return name === given || name.startsWith(`${given}.`);
}

function checkPieces({ name, shape }: ParameterShape, pieces: readonly TensorPiece[]): void {
  const total = pieces.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const whole = pieces.every(({ shape: foreign, begin, end }) => {
    const width = foreign.at(-1) ?? 1;
    return begin >= 0 && begin <= end && end <= valuesOf(foreign) && begin % width === 0 && end % width === 0;
  });
  if (whole && total === valuesOf(shape)) return;
  throw refused(
    "invalid-argument",
    `options.names: the pieces of ${quoted(name)} have ${total} values, and its shape [${shape.join(", ")}] takes ${valuesOf(shape)}, in whole rows inside their tensors`,
    { tensor: name },
  );
}

function checkShape({ name, shape }: SafetensorsTensor, expected: readonly number[], storage: CheckpointStorage): void {
  if (shape.length === expected.length && shape.every((side, i) => side === expected[i])) return;
  throw refused(
    "manifest-mismatch",
    `tensor ${quoted(name)} in ${storage.name} has shape [${shape.join(", ")}], and the model makes it [${expected.join(", ")}]; is it another model's checkpoint?`,
    { tensor: name, shape, expected },
  );
}

function wrongType(
  { name, dtype }: SafetensorsTensor,
  allowed: readonly string[],
  storage: CheckpointStorage,
): EngramError {
  return refused(
    "unsupported",
    `tensor ${quoted(name)} in ${storage.name} is ${dtype}, and ${allowed.join(", ")} may stand there; convert it`,
    { tensor: name, dtype },
  );
}

function refused(code: EngramError["code"], message: string, context: Readonly<Record<string, unknown>>): EngramError {
  return new EngramError({ code, operation, message, context });
}
