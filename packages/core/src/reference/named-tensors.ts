// Weights by name on their way into a module: out of a safetensors file, and taken one by one with their shapes checked,
// so that no tensor is missing, misshapen or left over unseen. Not here: the names of any kind of module.

import { quoted } from "../checkpoint/header-json.js";
import type { Safetensors } from "../checkpoint/safetensors.js";
import { tensorFloat32 } from "../checkpoint/tensor-floats.js";
import { EngramError } from "../errors.js";
import type { FloatArray } from "./rms-norm.js";

/** A weight: row-major values and their shape. */
export interface NamedTensor {
  readonly shape: readonly number[];
  readonly values: FloatArray;
}

/** Weights by name. */
export type NamedTensors = ReadonlyMap<string, NamedTensor>;

/**
 * The float tensors of a file whose names begin with `prefix`, named by the rest, less those that `skip` names.
 * @throws EngramError `unsupported` where one is of a type that float32 does not hold.
 */
export function namedTensors(file: Safetensors, prefix: string, skip: (name: string) => boolean): NamedTensors {
  const tensors = new Map<string, NamedTensor>();
  for (const [fullName, { shape }] of file.header.tensors) {
    const name = fullName.slice(prefix.length);
    if (!fullName.startsWith(prefix) || skip(name)) continue;
    tensors.set(name, { shape, values: tensorFloat32(file, fullName) });
  }
  return tensors;
}

/** Takes weights out of a set, each at most once. */
export interface TensorTaker {
  /** The shape of a tensor that must be there and have `rank` sides, none of them 0. */
  shape(name: string, rank: number): readonly number[];
  /** The values of a tensor that must be there in this shape. */
  take(name: string, shape: readonly number[]): FloatArray;
  /** Refuses what nobody took. */
  finish(): void;
}

/**
 * Takes weights out of `tensors`.
 * @throws EngramError `invalid-safetensors` from each method, naming the tensor, the shape found and the one expected.
 */
export function tensorTaker(tensors: NamedTensors, operation: string): TensorTaker {
  const taken = new Set<string>();
  const refuse = (message: string, context: Record<string, unknown>): never => {
    throw new EngramError({ code: "invalid-safetensors", operation, message, context });
  };
  const find = (name: string, expected: string): NamedTensor =>
    tensors.get(name) ??
    refuse(`tensor ${quoted(name)} ${expected} is missing; there are ${listed(tensors)}`, { tensor: name });
  return {
    shape(name, rank) {
      const { shape } = find(name, `of rank ${rank}`);
      if (shape.length !== rank || shape.includes(0)) {
        refuse(`tensor ${quoted(name)} has shape [${shape}], expected ${rank} sides, none of them 0`, {
          tensor: name,
          shape,
        });
      }
      return shape;
    },
    take(name, expected) {
      const { shape, values } = find(name, `of shape [${expected}]`);
      const size = expected.reduce((product, side) => product * side, 1);
      if (shape.length !== expected.length || shape.some((side, i) => side !== expected[i])) {
        refuse(`tensor ${quoted(name)} has shape [${shape}], expected [${expected}]`, {
          tensor: name,
          shape,
          expected,
        });
      }
      if (values.length !== size) {
        refuse(`tensor ${quoted(name)} has ${values.length} values, its shape [${shape}] takes ${size}`, {
          tensor: name,
          shape,
        });
      }
      taken.add(name);
      return values;
    },
    finish() {
      const extra = [...tensors.keys()].filter((name) => !taken.has(name));
      if (extra.length === 0) return;
      refuse(
        `${extra.map(quoted).slice(0, 8).join(", ")}: no part of this module; name them in ignore if they may stay`,
        {
          tensors: extra,
        },
      );
    },
  };
}

function listed(tensors: NamedTensors): string {
  if (tensors.size === 0) return "no tensors at all; is the prefix right?";
  const names = [...tensors.keys()].slice(0, 8).map(quoted).join(", ");
  return tensors.size > 8 ? `${names}, ...` : names;
}
