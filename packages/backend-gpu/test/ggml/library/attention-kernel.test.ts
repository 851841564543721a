// The package's own kernels of attention and of rows times numbers, called by themselves: all small sizes, past a block of
// queries, heads that share keys, masks with holes, shared out among threads, with both widths of registers.

import fc from "fast-check";
import { expect, it } from "vitest";
import { loadLibrary } from "../../../src/ggml/library/load-library.js";
import { inContext, noise, run, tensor } from "./kernel-calls.js";

const { kernels } = loadLibrary();
const [UNSEEN, SEEN] = [0xfc00, 0]; // -Infinity and 0 in half precision
const size = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(1, 7, 8, 9, 15, 16, 17, 47, 48, 49, 96, 97));

if (kernels === undefined) {
  it("attention's kernel is left out: this machine has none (Linux on x64 with AVX2)", () => {
    expect(kernels).toBeUndefined();
  });
} else {
  const narrow = kernels.handle.func("void engram_kernels_narrow(int yes)");
  const bits = (value: number): bigint => BigInt(new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0);

  it.each(["the widest registers there are", "AVX2"])("attends with %s", (registers) => {
    const sides = fc.record({
      T: size,
      P: size,
      w: fc.integer({ min: 1, max: 40 }),
      u: fc.integer({ min: 1, max: 40 }),
    });
    const heads = fc.record({ K: fc.constantFrom(1, 2), shared: fc.constantFrom(1, 3), S: fc.constantFrom(1, 2) });
    narrow(registers === "AVX2" ? 1 : 0);
    try {
      fc.assert(
        fc.property(sides, heads, fc.constantFrom("none", "causal", "holes"), fc.integer({ min: 1, max: 3 }), attends),
        { numRuns: 80 },
      );
    } finally {
      narrow(0);
    }
  });

  interface Sides {
    readonly T: number;
    readonly P: number;
    readonly w: number;
    readonly u: number;
  }
  interface Heads {
    readonly K: number;
    readonly shared: number;
    readonly S: number;
  }

  const attends = ({ T, P, w, u }: Sides, { K, shared, S }: Heads, kind: string, threads: number): void =>
    inContext((context) => {
      const H = K * shared;
      const part = (seed: number) => (i: number) => noise(seed)(i) / 8;
      const q = tensor(context, "f32", [w, T, H, S], part(1));
      const k = tensor(context, "f32", [w, P, K, S], part(2));
      const v = tensor(context, "f32", [u, P, K, S], part(3));
      const sees = (t: number, p: number): boolean => {
        if (kind === "none" || p === t % P) return true; // each query sees a key
        return kind === "causal" ? p <= t : noise(4)(t * P + p) > 0;
      };
      const mask = tensor(context, "f16", [P, T], (i) => (sees(Math.floor(i / P), i % P) ? SEEN : UNSEEN));
      const sources = [q.pointer, k.pointer, v.pointer, ...(kind === "none" ? [] : [mask.pointer])];
      const found = run(context, kernels.attention, [u, H, T, S], sources, threads, bits(0.25));
      const at = (values: ArrayLike<number>, i: number): number => values[i] ?? Number.NaN;
      for (let row = 0; row < H * T * S; row++) {
        const [h, t, s] = [row % H, Math.floor(row / H) % T, Math.floor(row / (H * T))];
        const keys = (s * K + Math.floor(h / shared)) * P;
        const query = ((s * H + h) * T + t) * w;
        const weights = Array.from({ length: P }, (_, p) => {
          if (!sees(t, p)) return 0;
          let score = 0;
          for (let i = 0; i < w; i++) score += at(q.values, query + i) * at(k.values, (keys + p) * w + i);
          return Math.exp(0.25 * score);
        });
        const whole = weights.reduce((sum, weight) => sum + weight, 0);
        for (let i = 0; i < u; i++) {
          const expected = weights.reduce(
            (sum, weight, p) => sum + (weight / whole) * at(v.values, (keys + p) * u + i),
            0,
          );
          const error = Math.abs(at(found, row * u + i) - expected);
          if (!(error < 3e-6)) expect(at(found, row * u + i), `row ${row}, value ${i}`).toBe(expected);
        }
      }
    });

  it("multiplies rows by a number each, repeated over more of them", () => {
    const sides = fc.record({ n: size, x: fc.integer({ min: 1, max: 9 }), y: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(
        sides,
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 1, max: 4 }),
        ({ n, x, y }, alike, same, threads) =>
          inContext((context) => {
            const a = tensor(context, "f32", [n, x, y], noise(5));
            const [bx, by] = [alike ? 1 : x, same ? 1 : y];
            const b = tensor(context, "f32", [1, bx, by], noise(6));
            const found = run(context, kernels.scaleRows, [n, x, y, 1], [a.pointer, b.pointer], threads);
            found.forEach((value, i) => {
              const row = Math.floor(i / n);
              const factor = b.values[(Math.floor(row / x) % by) * bx + ((row % x) % bx)] ?? Number.NaN;
              if (value !== (a.values[i] ?? 0) * factor) expect(value, `value ${i}`).toBe((a.values[i] ?? 0) * factor);
            });
          }),
      ),
    );
  });
}
