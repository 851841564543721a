// Memory of sequences that are over: kept for the next one, zero again, and given back where it would be much of what there is.

import { expect, test } from "vitest";
import { openGgml } from "../../../src/ggml/index.js";

const MIB = 2 ** 20;
const shape = { width: 1024, capacity: 10_240 }; // 40 MiB, more than a piece of memory that always stays

/** Bytes taken with a sequence, and after it is over. */
async function taken(memoryBytes: number): Promise<readonly [number, number]> {
  const backend = await openGgml({ device: "CPU", threads: 1, memoryBytes });
  try {
    const cache = backend.createCache(shape);
    const during = backend.figures().tensorBytes;
    backend.dispose([cache]);
    await backend.download(backend.upload(Float32Array.of(1), [1])); // after all that was asked for
    return [during, backend.figures().tensorBytes];
  } finally {
    await backend.close();
  }
}

test("a slab without a sequence is kept where there is much memory, and given back where there is little", async () => {
  const [during, after] = await taken(4096 * MIB);
  expect(during).toBeGreaterThanOrEqual(40 * MIB);
  expect(after).toBe(during);
  const [tight, left] = await taken(400 * MIB);
  expect(tight).toBeGreaterThanOrEqual(40 * MIB);
  expect(left).toBeLessThanOrEqual(tight - 40 * MIB);
});
