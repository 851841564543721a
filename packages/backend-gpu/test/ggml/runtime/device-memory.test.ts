// Memory of a device, under random allocations and frees: no two regions overlap, all lie aligned within what was taken, and
// nothing is lost; limits are kept before memory is taken.

import { isEngramError } from "@engram-ts/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { foundDevices } from "../../../src/ggml/devices.js";
import type { Pointer } from "../../../src/ggml/library/bindings.js";
import { loadLibrary } from "../../../src/ggml/library/load-library.js";
import { deviceMemory, type Region } from "../../../src/ggml/runtime/device-memory.js";

const library = loadLibrary();
const { bindings } = library;
const pointer = foundDevices(library).find(({ kind }) => kind === "cpu")?.pointer ?? 0n;
const bufferType: Pointer = bindings.ggml_backend_dev_buffer_type(pointer);
const memoryOf = (most: number) => deviceMemory(bindings, bufferType, { device: "CPU", most });
const MIB = 2 ** 20;

const sizes = fc.oneof(
  fc.constantFrom(0, 1, 63, 64, 65),
  fc.integer({ min: 0, max: 4096 }),
  fc.integer({ min: 0, max: 40 * MIB }),
);
const steps = fc.array(fc.oneof(fc.record({ bytes: sizes }), fc.record({ freed: fc.nat() })), { maxLength: 60 });

function checkApart(regions: readonly Region[], alignment: number): void {
  const sorted = regions.toSorted((a, b) => (a.address < b.address ? -1 : 1));
  sorted.forEach(({ address, bytes }, i) => {
    expect(Number(address % BigInt(alignment))).toBe(0);
    const next = sorted[i + 1];
    if (next !== undefined) expect(address + BigInt(bytes) <= next.address, "regions are apart").toBe(true);
  });
}

it("cuts out regions that are apart, and gives all of them back", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const memory = memoryOf(Number.POSITIVE_INFINITY);
      const open: Region[] = [];
      for (const step of all) {
        if ("bytes" in step) {
          const region = memory.allocate(step.bytes, "a test");
          expect(region.bytes).toBeGreaterThanOrEqual(Math.max(1, step.bytes));
          open.push(region);
        } else if (open.length > 0) {
          const [region] = open.splice(step.freed % open.length, 1);
          if (region !== undefined) memory.free(region);
        }
        checkApart(open, memory.alignment);
        expect(memory.taken).toBeGreaterThanOrEqual(open.reduce((sum, { bytes }) => sum + bytes, 0));
      }
      for (const region of open) memory.free(region);
      expect(memory.taken, "one small chunk stays at most").toBeLessThanOrEqual(32 * MIB);
      const whole = memory.allocate(Math.max(1, memory.taken), "the chunk that stayed, in one piece");
      expect(memory.taken).toBeLessThanOrEqual(32 * MIB);
      memory.free(whole);
      memory.close();
      expect(memory.taken).toBe(0);
    }),
    { numRuns: 60 },
  );
});

it("refuses what is past its limit before it takes anything, and goes on when something is freed", () => {
  const memory = memoryOf(50 * MIB);
  const first = memory.allocate(30 * MIB, "the first");
  memory.count(5 * MIB); // of graphs
  const { taken } = memory;
  let error: unknown;
  try {
    memory.allocate(20 * MIB, "the second");
  } catch (thrown) {
    error = thrown;
  }
  expect(isEngramError(error, "out-of-memory"), String(error)).toBe(true);
  expect(String(error)).toMatch(/the second needs 20971520 bytes, and CPU has .* left/);
  expect(memory.taken).toBe(taken);
  memory.free(first);
  memory.count(-5 * MIB);
  const second = memory.allocate(20 * MIB, "the second");
  memory.free(second);
  memory.close();
});

it("refuses sizes that no number can hold", () => {
  const memory = memoryOf(Number.POSITIVE_INFINITY);
  for (const bytes of [2 ** 80, Number.POSITIVE_INFINITY, Number.NaN]) {
    expect(() => memory.allocate(bytes, "too much")).toThrow(/too much needs/);
  }
  expect(memory.taken).toBe(0);
});
