// The kernel of rows against its twin, bit for bit. What both compute: ../optimizers/sparse-adam.test.ts.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RowKernel, rowKernel, twinRowKernel } from "../../src/assembly/row-kernel.js";

const value = fc.oneof(
  fc.float({ noNaN: true, min: -2, max: 2 }),
  fc.constantFrom(0, -0, 1e-30, 1e-44, 3e38, Number.POSITIVE_INFINITY, Number.NaN),
);

describe("the kernel of rows", () => {
  it("is WebAssembly here, and its twin bit for bit", () => {
    expect(rowKernel(4).name).toBe("wasm");
    const widths = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 64);
    fc.assert(
      fc.property(widths, fc.integer({ min: 1, max: 9 }), fc.array(value, { minLength: 1 }), (width, count, some) => {
        const numbers = { factor: 0.7, stepSize: 0.013, rest1: 0.1, rest2: 0.05, epsilon: 1e-8 };
        const run = (kernel: RowKernel) => {
          const bytes = (width: number) => Math.ceil((width * count) / 2) * 8;
          const gradients = bytes(width);
          const moments = gradients + bytes(width);
          kernel.reserve(moments + bytes(2 * width));
          kernel.reserve(8);
          const fill = (at: number, length: number, of: (i: number) => number) => {
            const values = new Float32Array(kernel.buffer, at, length);
            for (let i = 0; i < length; i++) values[i] = of(i);
            return values;
          };
          const values = fill(0, width * count, (i) => some[i % some.length] ?? 0);
          fill(gradients, width * count, (i) => some[(i * 3) % some.length] ?? 0);
          const kept = fill(moments, 2 * width * count, (i) => Math.abs(some[(i * 7) % some.length] ?? 0));
          for (let round = 0; round < 2; round++) kernel.adam(0, gradients, moments, count, numbers);
          return [...values, ...kept];
        };
        expect(run(rowKernel(width))).toEqual(run(twinRowKernel(width)));
      }),
      { numRuns: 200 },
    );
  });

  it("says how much memory there is not", () => {
    expect(() => rowKernel(4).reserve(2 ** 40)).toThrow(/need 1099511627776 bytes for one table/);
  });
});
