// How weights lie in a checkpoint: float32, or matrices narrowed to bfloat16 or to int8 with a scale for each output.
// The numbers are those of table rows (encode.ts, decode.ts), an output being a row. Vectors stay float32, and so do the
// router, where an error chooses other experts, and the streams' coefficients: together they are under 0.4 % of every preset of the paper.

import { EngramError } from "../errors.js";
import type { ParameterShape } from "../model/parameters-shape.js";
import type { NamedTensor } from "../reference/named-tensors.js";
import { encodeBfloat16 } from "../rows/bfloat16.js";
import { decodeRows } from "../rows/decode.js";
import { encodeRows } from "../rows/encode.js";
import { MAX_ROW_WIDTH } from "../rows/encoding.js";
import type { Dtype } from "./dtype.js";
import { quoted } from "./header-json.js";
import type { TensorData } from "./safetensors-writer.js";

/** See {@link storedTensors}. */
export const WEIGHT_ENCODINGS = ["f32", "bf16", "int8"] as const;

/** How a checkpoint's matrices are written. */
export type WeightEncoding = (typeof WEIGHT_ENCODINGS)[number];

/** What the name of an int8 tensor's scales ends in. */
export const SCALE_SUFFIX = ".scale";

/** A tensor of a file, before it is written. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/**
 * The tensors that a parameter becomes: one, or in int8 the values, I8, and behind them `NAME.scale`, F32, one for each
 * row of the last side.
 */
export function storedTensors(
  { name, shape, component }: Pick<ParameterShape, "name" | "shape" | "component">,
  encoding: WeightEncoding,
): readonly [StoredTensor, StoredTensor?] {
  const width = shape.at(-1) ?? 0;
  const narrowed = shape.length >= 2 && component !== "router" && component !== "streams";
  if (narrowed && encoding === "bf16") return [{ name, dtype: "BF16", shape }];
  if (narrowed && encoding === "int8" && width <= MAX_ROW_WIDTH) {
    return [
      { name, dtype: "I8", shape },
      { name: name + SCALE_SUFFIX, dtype: "F32", shape: shape.slice(0, -1) },
    ];
  }
  return [{ name, dtype: "F32", shape }];
}

/**
 * A parameter's values as its tensors hold them. float64 is rounded to float32 first; bf16 rounds to nearest, ties to
 * even; an int8 row's scale is max|x| / 127, its codes x / scale, rounded alike.
 * @throws EngramError `invalid-argument` where a row of an int8 matrix holds NaN or an infinity.
 */
export function encodeWeight(stored: readonly StoredTensor[], { values }: NamedTensor): Map<string, TensorData> {
  const [main, scales] = stored;
  const floats = values instanceof Float32Array ? values : new Float32Array(values);
  const data = new Map<string, TensorData>();
  if (main === undefined) return data;
  const { name, dtype, shape } = main;
  if (scales !== undefined) {
    const width = shape.at(-1) ?? 0;
    const codes = new Uint8Array(floats.length);
    const factors = new Uint8Array((floats.length / width) * 4);
    const row = new Uint8Array(width + 4);
    for (let i = 0, at = 0; i < floats.length; i += width, at += 4) {
      try {
        encodeRows({ kind: "int8", width }, floats.subarray(i, i + width), row);
      } catch (cause) {
        throw new EngramError({
          code: "invalid-argument",
          operation: "saveCheckpoint",
          message: `parameter ${quoted(name)}: row ${i / width} holds NaN or an infinity, which int8 cannot; save it as f32, or mend the model`,
          context: { tensor: name, row: i / width },
          cause,
        });
      }
      codes.set(row.subarray(0, width), i);
      factors.set(row.subarray(width), at);
    }
    data.set(name, { dtype, shape, data: codes });
    return data.set(scales.name, { dtype: "F32", shape: scales.shape, data: factors });
  }
  if (dtype !== "BF16") return data.set(name, { dtype, shape, data: floats });
  const codes = new Uint16Array(floats.length);
  for (let i = 0; i < codes.length; i++) codes[i] = encodeBfloat16(floats[i] ?? 0); // of equal length
  return data.set(name, { dtype, shape, data: codes });
}

/** Types that weights are read from. */
export const WEIGHT_DTYPES = ["F32", "F16", "BF16", "I8"] as const satisfies readonly Dtype[];

/** Whether weights of a type are read. */
export function isWeightDtype(dtype: Dtype): dtype is (typeof WEIGHT_DTYPES)[number] {
  return (WEIGHT_DTYPES as readonly Dtype[]).includes(dtype);
}

/**
 * Values of raw bytes, exactly; int8 as the float32 product of code and scale.
 * @param scales of the int8 rows, as raw float32.
 */
export function decodeWeight(
  dtype: (typeof WEIGHT_DTYPES)[number],
  bytes: Uint8Array,
  width: number,
  scales: Uint8Array,
): Float32Array {
  if (dtype === "F32") {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes); // a copy starts at 0
    return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
  }
  if (dtype !== "I8") {
    const values = new Float32Array(bytes.length / 2);
    decodeRows({ kind: dtype === "F16" ? "f16" : "bf16", width: 1 }, bytes, values);
    return values;
  }
  const values = new Float32Array(bytes.length);
  const row = new Uint8Array(width + 4);
  for (let i = 0, at = 0; i < bytes.length; i += width, at += 4) {
    row.set(bytes.subarray(i, i + width));
    row.set(scales.subarray(at, at + 4), width);
    decodeRows({ kind: "int8", width }, row, values.subarray(i, i + width));
  }
  return values;
}
