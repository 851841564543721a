// The types of values that this engine uses, with the numbers that ggml gives them. library/abi.ts holds them against the
// library that was loaded. Not here: types that no operation of this engine takes.

/** How values of a type lie in memory: `block` values in `bytes` bytes. */
export interface TypeFacts {
  /** Number in ggml's enumeration. */
  readonly id: number;
  readonly block: number;
  readonly bytes: number;
}

/** The types by their names in ggml. */
export const TYPES = {
  f32: { id: 0, block: 1, bytes: 4 },
  f16: { id: 1, block: 1, bytes: 2 },
  q4_0: { id: 2, block: 32, bytes: 18 },
  q5_0: { id: 6, block: 32, bytes: 22 },
  q8_0: { id: 8, block: 32, bytes: 34 },
  i8: { id: 24, block: 1, bytes: 1 },
  i32: { id: 26, block: 1, bytes: 4 },
  i64: { id: 27, block: 1, bytes: 8 },
  bf16: { id: 30, block: 1, bytes: 2 },
} as const satisfies Readonly<Record<string, TypeFacts>>;

/** Name of a type. */
export type TypeName = keyof typeof TYPES;

/** Types that weights may be kept in. */
export const WEIGHT_TYPES = ["f32", "f16", "bf16", "q8_0", "q5_0", "q4_0"] as const;

/** A type that weights may be kept in. */
export type WeightType = (typeof WEIGHT_TYPES)[number];

/** Bytes of `values` values in a row; `values` is a multiple of the type's block. */
export function rowBytes(type: TypeName, values: number): number {
  const { block, bytes } = TYPES[type];
  return (values / block) * bytes;
}
