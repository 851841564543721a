// The package's own kernels, called one by one on tensors of ggml: strided, batched and gathered factors of all small sizes,
// shared out among threads, against exact sums; with AVX-512 where the machine has it, and with AVX2.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pointer } from "../../../src/ggml/library/bindings.js";
import { loadLibrary } from "../../../src/ggml/library/load-library.js";
import { inContext, noise, run, tensor } from "./kernel-calls.js";

const library = loadLibrary();
const { bindings, kernels } = library;

const digest = createHash("sha256");
const folder = new URL("../../../native/", import.meta.url);
const sources = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
for (const name of sources.toSorted()) digest.update(readFileSync(new URL(name, folder)));

function expectExact(found: Float32Array, expected: (i: number) => number): void {
  found.forEach((value, i) => {
    const exact = expected(i);
    if (value !== exact) expect(value, `value ${i}`).toBe(exact);
  });
}

const size = fc.oneof(
  fc.integer({ min: 1, max: 70 }),
  fc.constantFrom(1, 2, 11, 12, 13, 15, 16, 17, 31, 32, 33, 64, 65),
);

function sumOf(count: number, term: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}

/** Experts of each token, all of them possible, some of them without tokens. */
const routes = fc.record({
  experts: fc.integer({ min: 1, max: 9 }),
  used: fc.integer({ min: 1, max: 3 }),
  tokens: fc.integer({ min: 1, max: 40 }),
  seed: fc.nat(1000),
});

if (kernels === undefined) {
  console.log("own kernels: left out, this machine has none of them (Linux on x64 with AVX2)");
  it("are there on every machine that can run them", () => {
    expect(process.platform === "linux" && process.arch === "x64" && hasAvx2()).toBe(false);
  });
} else {
  it("are built from the sources beside them", () => {
    expect(kernels.handle.func("const char* engram_kernels_sources()")()).toBe(digest.digest("hex"));
  });

  describe.each(["the widest registers there are", "AVX2"])("with %s", (registers) => {
    const narrow = kernels.handle.func("void engram_kernels_narrow(int yes)");
    const checked = (check: (context: Pointer) => void): void => {
      narrow(registers === "AVX2" ? 1 : 0);
      try {
        inContext(check);
      } finally {
        narrow(0);
      }
    };

    it("multiply matrices of any strides, batched and repeated", () => {
      fc.assert(
        fc.property(
          fc.record({ m: size, n: size, k: size, aTurned: fc.boolean(), bTurned: fc.boolean() }),
          fc.record({ y: fc.integer({ min: 1, max: 3 }), z: fc.integer({ min: 1, max: 2 }), repeats: fc.boolean() }),
          fc.integer({ min: 1, max: 4 }),
          ({ m, n, k, aTurned, bTurned }, { y, z, repeats }, threads) =>
            checked((context) => {
              const [ay, az] = repeats ? [1, 1] : [y, z];
              const a = tensor(context, "f32", aTurned ? [m, k, ay, az] : [k, m, ay, az], noise(1));
              const b = tensor(context, "f32", bTurned ? [n, k, y, z] : [k, n, y, z], noise(2));
              const shown = [aTurned ? a : undefined, bTurned ? b : undefined].map((turned) =>
                turned === undefined
                  ? undefined
                  : (bindings.ggml_permute(context, turned.pointer, 1, 0, 2, 3) as Pointer),
              );
              const sources = [shown[0] ?? a.pointer, shown[1] ?? b.pointer];
              const found = run(context, kernels.product, [m, n, y, z], sources, threads);
              const at = (
                values: ArrayLike<number>,
                turned: boolean,
                rows: number,
                batch: number,
                row: number,
                i: number,
              ) => values[batch * rows * k + (turned ? i * rows + row : row * k + i)] ?? Number.NaN;
              const expected = (index: number): number => {
                const [i, j, batch] = [index % m, Math.floor(index / m) % n, Math.floor(index / (m * n))];
                const own = repeats ? 0 : batch;
                return sumOf(k, (q) => at(a.values, aTurned, m, own, i, q) * at(b.values, bTurned, n, batch, j, q));
              };
              expectExact(found, expected);
            }),
        ),
        { numRuns: 150 },
      );
    });

    it("multiply depths past one panel, and more columns than one block", () => {
      for (const [m, n, k] of [
        [3, 5, 255],
        [33, 13, 256],
        [16, 12, 257],
        [65, 385, 600],
        [257, 769, 2],
      ] as const) {
        checked((context) => {
          const a = tensor(context, "f32", [k, m], noise(3));
          const b = tensor(context, "f32", [k, n], noise(4));
          const found = run(context, kernels.product, [m, n, 1, 1], [a.pointer, b.pointer], 2);
          const expected = (index: number): number => {
            const [i, j] = [index % m, Math.floor(index / m)];
            return sumOf(k, (q) => (a.values[i * k + q] ?? 0) * (b.values[j * k + q] ?? 0));
          };
          expectExact(found, expected);
        });
      }
    });

    it("multiply each token with its experts", () => {
      fc.assert(
        fc.property(
          fc.record({ m: size, k: size, turned: fc.boolean(), shared: fc.boolean() }),
          routes,
          fc.integer({ min: 1, max: 4 }),
          ({ m, k, turned, shared }, { experts, used, tokens, seed }, threads) =>
            checked((context) => {
              const a = tensor(context, "f32", turned ? [m, k, experts] : [k, m, experts], noise(5));
              const b = tensor(context, "f32", [k, shared ? 1 : used, tokens], noise(6));
              const ids = tensor(context, "i32", [used, tokens], (i) => (i * i * 31 + seed * (i + 7)) % experts);
              const weights: Pointer = turned ? bindings.ggml_permute(context, a.pointer, 1, 0, 2, 3) : a.pointer;
              const sources = [weights, b.pointer, ids.pointer];
              const found = run(context, kernels.experts, [m, used, tokens, 1], sources, threads);
              const expected = (index: number): number => {
                const [i, choice] = [index % m, Math.floor(index / m)];
                const expert = (ids.values[choice] ?? 0) * m * k;
                const row = (shared ? Math.floor(choice / used) : choice) * k;
                return sumOf(
                  k,
                  (q) => (a.values[expert + (turned ? q * m + i : i * k + q)] ?? 0) * (b.values[row + q] ?? 0),
                );
              };
              expectExact(found, expected);
            }),
        ),
        { numRuns: 80 },
      );
    });

    it("sum each expert's gradients over its tokens, zeros where it has none", () => {
      fc.assert(
        fc.property(
          fc.record({ m: size, n: size, sharedA: fc.boolean(), sharedB: fc.boolean() }),
          routes,
          fc.integer({ min: 1, max: 4 }),
          ({ m, n, sharedA, sharedB }, { experts, used, tokens, seed }, threads) =>
            checked((context) => {
              const a = tensor(context, "f32", [m, sharedA ? 1 : used, tokens], noise(7));
              const b = tensor(context, "f32", [n, sharedB ? 1 : used, tokens], noise(8));
              const ids = tensor(context, "i32", [used, tokens], (i) => (i * i * 17 + seed * (i + 3)) % experts);
              const sources = [a.pointer, b.pointer, ids.pointer];
              const found = run(context, kernels.expertGradients, [m, n, experts, 1], sources, threads);
              const expected = (index: number): number => {
                const [i, j, expert] = [index % m, Math.floor(index / m) % n, Math.floor(index / (m * n))];
                return sumOf(used * tokens, (choice) => {
                  if (ids.values[choice] !== expert) return 0;
                  const token = Math.floor(choice / used);
                  const left = a.values[(sharedA ? token : choice) * m + i] ?? 0;
                  return left * (b.values[(sharedB ? token : choice) * n + j] ?? 0);
                });
              };
              expectExact(found, expected);
            }),
        ),
        { numRuns: 80 },
      );
    });
  });
}

function hasAvx2(): boolean {
  return /\bavx2\b/.test(readFileSync("/proc/cpuinfo", "utf8"));
}
