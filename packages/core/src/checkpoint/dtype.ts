// The element types that a safetensors file may hold, and the bytes that a tensor of a type and shape takes.
// The list is that of the format's reference implementation, 0.8. Not here: what the values of a type mean.

/**
 * Bits of one element, in the reference implementation's order of types: files are written with the last of these
 * first, so that wide elements come out aligned.
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** The element type of a tensor, spelled as in a safetensors header. */
export type Dtype = keyof typeof DTYPE_BITS;

/** All element types, in the order of {@link DTYPE_BITS}. */
export const DTYPES: readonly Dtype[] = Object.keys(DTYPE_BITS) as Dtype[]; // the keys of a const object are its type's

/** Whether a name from outside is an element type. `constructor` and its like are not. */
export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(DTYPE_BITS, name);
}

/**
 * Bytes of a dense tensor, or why it can have none: a side that is no whole number, a product past 2^53, or elements
 * smaller than a byte that do not fill their last byte. Sides are multiplied in order, as the reference implementation
 * does, so `[2^40, 2^40, 0]` overflows and `[0, 2^40, 2^40]` is empty.
 */
export function denseBytes(dtype: Dtype, shape: readonly number[]): number | "side" | "overflow" | "part-of-a-byte" {
  let bits = 1;
  for (const side of shape) {
    if (!Number.isSafeInteger(side) || side < 0) return "side";
    bits *= side;
    if (bits > Number.MAX_SAFE_INTEGER) return "overflow";
  }
  bits *= DTYPE_BITS[dtype];
  if (bits > Number.MAX_SAFE_INTEGER) return "overflow";
  return bits % 8 === 0 ? bits / 8 : "part-of-a-byte";
}
