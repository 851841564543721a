// Buffers for the row ids that tickets keep. A typed array costs more to make than a small batch to gather, so released
// ones are used again.

const SMALLEST = 64;
const SPARE_PER_SIZE = 16;
/** Larger buffers are left to the garbage collector: 16 MiB. */
const LARGEST_KEPT = 2 ** 22;

/** Hands out buffers of at least the length asked for, and takes them back. */
export interface RowIdBuffers {
  take(length: number): Uint32Array;
  giveBack(buffer: Uint32Array): void;
}

/** An empty pool. */
export function rowIdBuffers(): RowIdBuffers {
  const spare: Uint32Array[][] = [];
  // lengths are SMALLEST times a power of two, and the power is the index
  const sizeOf = (length: number) => (length <= SMALLEST ? 0 : 32 - Math.clz32((length - 1) >>> 6));
  return {
    take(length) {
      const size = sizeOf(length);
      return spare[size]?.pop() ?? new Uint32Array(SMALLEST * 2 ** size);
    },
    giveBack(buffer) {
      if (buffer.length > LARGEST_KEPT) return;
      const size = sizeOf(buffer.length);
      let buffers = spare[size];
      if (buffers === undefined) {
        buffers = [];
        spare[size] = buffers;
      }
      if (buffers.length < SPARE_PER_SIZE) buffers.push(buffer);
    },
  };
}
