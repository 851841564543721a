// The presets: the published totals, parts and shares of the paper's models, rows and bytes of the published tables, and
// the JSON files that say the same.

import { readdirSync, readFileSync } from "node:fs";
import {
  activatedValues,
  countParameters,
  isEngramError,
  MEMORY_PRESETS,
  MODEL_PRESETS,
  modelParameters,
  modelPreset,
  parameterValues,
  planMemory,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";

/** As the paper writes counts: billions with one decimal. */
const billions = (values: number): string => (values / 1e9).toFixed(1);

describe("model presets", () => {
  // arXiv 2601.07372, table 1
  it.each([
    ["dense-4b", "4.1", "3.8"],
    ["moe-27b", "26.7", "3.8"],
    ["engram-27b", "26.7", "3.8"],
    ["engram-40b", "39.5", "3.8"],
  ] as const)("%s has the published %sB parameters, %sB activated", (name, total, activated) => {
    const count = countParameters(modelPreset(name));
    expect(billions(count.total)).toBe(total);
    expect(billions(count.activated)).toBe(activated);
    expect(count.components.reduce((sum, one) => sum + one.total, 0)).toBe(count.total);
    expect(count.components.reduce((sum, one) => sum + one.activated, 0)).toBe(count.activated);
  });

  it.each([
    // 2 tables, 16 heads of 80 values; the paper gives 5.7B and 18.5B, the first rounded down
    ["engram-27b", 5_792_338_560, "74.3"],
    ["engram-40b", 18_534_311_360, "47.5"],
  ] as const)("%s has %s parameters in tables and gives experts %s %% of the sparse ones", (name, memory, rho) => {
    const count = countParameters(modelPreset(name));
    expect(count.sparseMemory).toBe(memory);
    expect(((count.rho ?? 0) * 100).toFixed(1)).toBe(rho);
    // 55 - 6 idle experts of 3 matrices in 29 blocks
    expect(count.sparseExperts).toBe((55 - 6) * 3 * 2560 * 1536 * 29);
  });

  it("tells models without memory or without experts apart", () => {
    expect(countParameters(modelPreset("moe-27b")).rho).toBe(1);
    expect(countParameters(modelPreset("dense-4b")).rho).toBeNull();
    expect(countParameters(modelPreset("engram-demo")).rho).toBe(0);
  });

  it("has the demo's tables", () => {
    const { memory } = modelPreset("engram-demo");
    // sums of the primes that the demo derives
    expect(memory && planMemory(memory).tables.map(({ layer, rows }) => [layer, rows])).toEqual([
      [1, 10_344_164],
      [15, 10_348_242],
    ]);
  });

  it("has tiny models small enough for tests, between them every kind there is", () => {
    const tiny = Object.keys(MODEL_PRESETS).filter((name) => name.startsWith("tiny"));
    const specs = tiny.map((name) => modelPreset(name as keyof typeof MODEL_PRESETS));
    for (const spec of specs) {
      const sizes = modelParameters(spec).map((one) => ({ values: parameterValues(one), used: activatedValues(one) }));
      expect(sizes.reduce((sum, { values }) => sum + values, 0)).toBeLessThan(5e6);
      expect(sizes.reduce((sum, { used }) => sum + used, 0)).toBeLessThan(4.5e6);
    }
    const all = (kinds: readonly (string | undefined)[]) => [...new Set(kinds)].filter(Boolean).sort();
    const blocks = specs.flatMap((spec) => spec.blocks);
    expect(all(blocks.map((block) => block.attention.kind))).toEqual(["gqa", "mla"]);
    expect(all(blocks.map((block) => block.feedForward.kind))).toEqual(["dense", "moe"]);
    expect(all(blocks.map((block) => block.engram?.kind))).toEqual(["deepseek-v4.1", "engram", "qwen-ple"]);
    expect(all(specs.map((spec) => spec.streams.kind))).toEqual(["mhc", "mhc-single-pass", "residual"]);
    expect(all(specs.map((spec) => spec.memory?.addressing.kind))).toEqual(["deepseek-v4.1", "engram", "qwen-ple"]);
    expect(all(specs.map((spec) => spec.head))).toEqual(["separate", "tied"]);
  });

  it("are the files of examples/models", () => {
    const folder = new URL("../../../../examples/models/", import.meta.url);
    const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
    expect(files.map((name) => name.slice(0, -5)).sort()).toEqual(Object.keys(MODEL_PRESETS).sort());
    for (const [name, spec] of Object.entries(MODEL_PRESETS)) {
      expect(JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")), name).toEqual(spec);
    }
  });

  it("refuses a name that is none", () => {
    for (const name of ["engram-28b", "constructor", ""]) {
      try {
        modelPreset(name as "tiny");
        expect.unreachable();
      } catch (error) {
        expect(isEngramError(error, "not-found") && error.message).toMatch("engram-27b");
      }
    }
  });
});

describe("memory presets", () => {
  it("has the rows and bytes of DeepSeek-V4.1-Flash", () => {
    const plan = planMemory(MEMORY_PRESETS["deepseek-v4.1-flash"]);
    expect(plan.tables.map(({ layer, rows }) => [layer, rows])).toEqual([
      [1, 384_006_168],
      [14, 384_016_682],
    ]);
    expect(plan.rowBytes).toBe(264);
    expect((plan.tables[0]?.bytes ?? 0) / 1e9).toBeCloseTo(101.4, 1);
    expect(plan.bytes / 2 ** 30).toBeCloseTo(188.8, 1);
    expect(plan.values).toBe(196_613_849_600);
    expect(plan.traffic).toEqual({
      rowsPerTokenAndTable: 24,
      rowsPerToken: 48,
      bytesPerToken: 12_672,
      decodedBytesPerToken: 24_576,
    });
  });

  it("has the padded rows and bytes of Qwen3.8-Flash-Next", () => {
    const plan = planMemory(MEMORY_PRESETS["qwen3.8-flash-next"]);
    expect(plan.rows).toBe(320_001_536);
    const sizes = Object.fromEntries(plan.encodings.map(({ kind, bytes }) => [kind, (bytes / 2 ** 30).toFixed(1)]));
    expect(sizes).toMatchObject({ bf16: "95.4", "fp8-e4m3": "47.7" });
    expect(plan.traffic.decodedBytesPerToken).toBe(5120);
  });
});
