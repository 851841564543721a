// Where a model's parameters lie in checkpoints of others. One rule serves all of them: a parameter is some runs of values
// of foreign tensors, one after the other. Experts are stacked from a tensor each, fused projections are cut apart, a
// convolution drops its side of 1; nothing is transposed. Which runs, is said by parameter-names-*.ts.

import { EngramError } from "../errors.js";
import type { BlockKindOptions } from "../model/block-kinds.js";
import type { ModelSpec } from "../model/model-spec.js";
import { modelParameters } from "../model/parameters.js";
import type { NamedTensors } from "../reference/named-tensors.js";
import { quoted } from "./header-json.js";
import type { TensorData } from "./safetensors-writer.js";

/** A run of values of a foreign tensor. */
export interface TensorPiece {
  /** The foreign tensor. */
  readonly name: string;
  /** Its whole shape. */
  readonly shape: readonly number[];
  /** The first value, in row-major order. */
  readonly begin: number;
  /** One past the last value. */
  readonly end: number;
}

/** The pieces of each parameter, by our names; a parameter that is not here has its own name there, too. */
export type ParameterNames = ReadonlyMap<string, readonly TensorPiece[]>;

/** Number of values of a shape. */
export function valuesOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** A tensor as a whole. */
export function wholeTensor(name: string, ...shape: number[]): TensorPiece {
  return { name, shape, begin: 0, end: valuesOf(shape) };
}

/** Rows `[first, end)` of a matrix, or of what has more sides all entries `[first, end)` of the first. */
export function tensorRows(name: string, shape: readonly number[], first: number, end: number): TensorPiece {
  const size = valuesOf(shape.slice(1));
  return { name, shape, begin: first * size, end: end * size };
}

/**
 * A model's parameters as foreign tensors, float32, ready for `encodeSafetensors`: the way out, as `names` of
 * `openCheckpoint` is the way in.
 * @param parameters by our names, all but tables.
 * @throws EngramError `invalid-argument`, naming the parameter that is missing or misshapen, or the foreign tensor that
 * its parameters do not fill.
 */
export function exportParameters(
  spec: ModelSpec,
  names: ParameterNames,
  parameters: NamedTensors,
  options: BlockKindOptions = {},
): Map<string, TensorData> {
  const refuse = (message: string, tensor: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: "exportParameters", message, context: { tensor } });
  };
  const out = new Map<
    string,
    { readonly dtype: "F32"; readonly shape: readonly number[]; readonly data: Float32Array }
  >();
  const filled = new Map<string, number>();
  for (const { name, shape, component } of modelParameters(spec, options)) {
    if (component === "engram tables") continue;
    const found = parameters.get(name);
    if (found === undefined) return refuse(`parameter ${quoted(name)} of shape [${shape.join(", ")}] is missing`, name);
    const { values } = found;
    if (found.shape.join() !== shape.join() || values.length !== valuesOf(shape)) {
      refuse(`parameter ${quoted(name)} has shape [${found.shape.join(", ")}], expected [${shape.join(", ")}]`, name);
    }
    let at = 0;
    for (const piece of names.get(name) ?? [wholeTensor(name, ...shape)]) {
      const size = valuesOf(piece.shape);
      const tensor = out.get(piece.name) ?? { dtype: "F32", shape: piece.shape, data: new Float32Array(size) };
      out.set(piece.name, tensor);
      tensor.data.set(values.subarray(at, at + piece.end - piece.begin), piece.begin);
      filled.set(piece.name, (filled.get(piece.name) ?? 0) + piece.end - piece.begin);
      at += piece.end - piece.begin;
    }
    if (at !== values.length) refuse(`the pieces of ${quoted(name)} have ${at} values, it has ${values.length}`, name);
  }
  for (const [name, { data }] of out) {
    if (filled.get(name) !== data.length) refuse(`tensor ${quoted(name)} is filled only in part by this model`, name);
  }
  return out;
}
