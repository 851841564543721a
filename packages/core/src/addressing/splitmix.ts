// The finaliser of SplitMix64 (Steele, Lea, Flood 2014), from which Qwen's table draws its multipliers. BigInt: it runs
// a few times at start-up. Not a random generator for anything else.

const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** The golden-ratio increment of SplitMix64. */
export const SPLITMIX_INCREMENT = 0x9e37_79b9_7f4a_7c15n;

/** SplitMix64 of `value` mod 2^64: adds the increment once, then mixes. */
export function splitmix64(value: bigint): bigint {
  let mixed = (value + SPLITMIX_INCREMENT) & MASK_64;
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK_64;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK_64;
  return mixed ^ (mixed >> 31n);
}
