// Memory of caches: equal ones side by side in slabs, slots used again are clear, slabs without sequences are given back.

import { afterEach, beforeEach, expect, it } from "vitest";
import { foundDevices } from "../../../src/ggml/devices.js";
import type { Pointer } from "../../../src/ggml/library/bindings.js";
import { loadLibrary } from "../../../src/ggml/library/load-library.js";
import { cacheSlabs } from "../../../src/ggml/runtime/cache-slabs.js";
import { GgmlRuntime } from "../../../src/ggml/runtime/runtime.js";

const library = loadLibrary();
const { bindings } = library;
const device = foundDevices(library).find(({ kind }) => kind === "cpu");
const shape = { width: 4, capacity: 32 };

let runtime: GgmlRuntime;
beforeEach(() => {
  const pointer = device?.pointer ?? 0n;
  const backend: Pointer = bindings.ggml_backend_dev_init(pointer, null);
  const bufferType: Pointer = bindings.ggml_backend_dev_buffer_type(pointer);
  const facts = {
    name: "CPU",
    exact: true,
    aligned: false,
    kernels: undefined,
    mostBytes: 4 * 2 ** 30,
    keeps: false,
  };
  runtime = new GgmlRuntime({ library, pointer, backend, bufferType, ...facts });
});
afterEach(() => runtime.close());

it("clears a slot for its next sequence, and no other", async () => {
  const slabs = cacheSlabs(runtime, "f32", "cpu");
  const [first, second, third] = [slabs.create(shape), slabs.create(shape), slabs.create(shape)];
  const { node } = first.slab;
  runtime.write(node, new Float32Array(node.values).fill(Number.NaN));
  slabs.free(second);
  const again = slabs.create(shape);
  expect([first, again, third].map(({ slab, slot }) => [slab === first.slab, slot])).toEqual([
    [true, 0],
    [true, 1],
    [true, 2],
  ]);
  const values = await runtime.read(node);
  const slots = [0, 1, 2].map((slot) => new Set(values.subarray(slot * 128, (slot + 1) * 128)));
  expect(slots).toEqual([new Set([Number.NaN]), new Set([0]), new Set([Number.NaN])]);
});

it("copies a slot with all that was written to it", async () => {
  const slabs = cacheSlabs(runtime, "f32", "cpu");
  const from = slabs.create(shape);
  const { node } = from.slab;
  runtime.write(
    node,
    Float32Array.from({ length: node.values }, (_, i) => (i < 128 ? i : -1)),
  );
  const copy = slabs.copy(from);
  const values = await runtime.read(node);
  expect(copy.slot).toBe(1);
  expect(values.slice(128, 256)).toEqual(values.slice(0, 128));
  expect(values[256]).toBe(-1);
});

it("takes slabs for whole batches on a graphics processor, and gives back those without sequences", async () => {
  const slabs = cacheSlabs(runtime, "f32", "gpu");
  const layers = 24;
  const all = Array.from({ length: 64 * layers }, () => slabs.create({ width: 256, capacity: 64 }));
  expect(new Set(all.map(({ slab }) => slab)).size, "64 sequences of 24 layers lie in few slabs").toBeLessThanOrEqual(
    3,
  );
  const { tensorBytes } = runtime.figures();
  expect(tensorBytes).toBeGreaterThanOrEqual(64 * layers * 256 * 64 * 4);
  for (const slot of all) slabs.free(slot);
  runtime.flush();
  expect(runtime.figures().tensorBytes).toBeLessThanOrEqual(32 * 2 ** 20);
});

it("takes less where there is less", () => {
  const slabs = cacheSlabs(runtime, "f32", "cpu");
  const large = slabs.create({ width: 1024, capacity: 2 ** 16 }); // 256 MiB, a sixteenth of all
  expect(large.slab.slots).toBe(1);
  const small = slabs.create({ width: 32, capacity: 2 ** 10 });
  expect(small.slab.slots).toBe(64);
  const windowed = slabs.create({ width: 32, capacity: 2 ** 20, window: 33 });
  expect(windowed.slab.tokens).toBe(64);
});
