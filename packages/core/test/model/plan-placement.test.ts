// Where tables are placed: by time, by room, by a prefill's wait, tightest table first; and what is said about it.

import {
  isEngramError,
  type MachineSpec,
  MEMORY_PRESETS,
  modelPreset,
  type PlacementOptions,
  placeTables,
  planMemory,
  planModel,
  planTables,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

// two tables of 16 rows a token and 160 bytes a row
const spec = modelPreset("engram-27b");
const memory = planMemory(spec.memory ?? MEMORY_PRESETS["qwen3.8-flash-next"]);
const tableBytes = memory.tables.map(({ bytes }) => bytes);
const [first = 0, second = 0] = tableBytes;

const tier = (name: string, bytes: number | null, latencySeconds: number) => ({
  name,
  bytes,
  latencySeconds,
  rowsPerSecond: 16_000, // 1 ms for a token's rows of a table
  bytesPerSecond: 1e12,
  readBytes: 1,
});

const machine: MachineSpec = {
  device: { name: "gpu", bytes: 1e12, flopsPerSecond: 1e12, bytesPerSecond: 1e12 },
  tiers: [tier("ram", first + second, 0), tier("disk", null, 0.009), tier("store", null, 0.099)],
  safetyFactor: 1,
};

const place = (seconds: readonly number[], more: Partial<PlacementOptions> = {}) =>
  placeTables({ memory, machine, deviceFreeBytes: 0, decode: { tokens: 1, seconds }, ...more });
const tiers = (...given: Parameters<typeof place>) => place(...given).map((one) => one.tier);

describe("placeTables", () => {
  it("takes the slowest tier that brings the rows in time", () => {
    // ram takes 1 ms, disk 10 ms, the store 100 ms
    expect(tiers([0.001, 0.01])).toEqual(["ram", "disk"]);
    expect(tiers([0.0099, 0.0999])).toEqual(["ram", "disk"]);
    expect(tiers([0.1, 1])).toEqual(["store", "store"]);
    expect(tiers([0, 0.0009])).toEqual([null, null]);
  });

  it("keeps a safety factor, and counts the rows of all sequences", () => {
    expect(tiers([0.01, 0.02], { machine: { ...machine, safetyFactor: 2 } })).toEqual(["ram", "disk"]);
    expect(tiers([0.01, 0.02], { decode: { tokens: 10, seconds: [0.01, 0.019] } })).toEqual(["ram", "disk"]);
    expect(tiers([0.01, 0.02], { decode: { tokens: 11, seconds: [0.01, 0.019] } })).toEqual([null, "ram"]);
  });

  it("counts whole pages where a tier reads pages", () => {
    const paged = { ...tier("disk", null, 0), rowsPerSecond: 1e12, bytesPerSecond: 4096 * 16, readBytes: 4096 };
    const [placed] = place([1, 1], { machine: { ...machine, tiers: [paged] } });
    expect(placed?.verdicts[0]?.fetchSeconds).toBeCloseTo(1);
  });

  it("lets the table with the least slack choose first where room is short", () => {
    const tight = { ...machine, tiers: [tier("ram", Math.max(first, second), 0)] };
    expect(tiers([0.5, 0.4], { machine: tight })).toEqual([null, "ram"]);
    expect(tiers([0.4, 0.5], { machine: tight })).toEqual(["ram", null]);
    expect(tiers([0.4, 0.5], { machine: tight, deviceFreeBytes: second })).toEqual(["ram", "gpu"]);
    expect(tiers([0.4, 0.5], { machine: tight, deviceFreeBytes: second - 1 })).toEqual(["ram", null]);
  });

  it("puts tables that nothing else can serve on the device, whose rows need no time", () => {
    expect(tiers([0, 0], { deviceFreeBytes: first + second })).toEqual(["gpu", "gpu"]);
    expect(tiers([0, 0], { deviceFreeBytes: first })).toEqual(["gpu", null]);
    // the larger one, second, had its turn first
    expect(place([0, 0], { deviceFreeBytes: first })[1]?.why).toMatch(
      /^no tier will do: store takes 100\.0 ms of 0 us; disk takes .*; ram takes .*; gpu has 5\.4 GiB left for 5\.4 GiB$/,
    );
  });

  it("turns down tiers that make a prefill wait too long", () => {
    const prefill = { tokens: 1000, seconds: [0.5, 0.5] }; // 1 s of rows everywhere
    expect(tiers([1, 1], { prefill })).toEqual(["store", "store"]);
    expect(tiers([1, 1], { prefill, prefillWaitSeconds: 0.51 })).toEqual(["disk", "disk"]);
    expect(tiers([1, 1], { prefill, prefillWaitSeconds: 0.4 })).toEqual([null, null]);
    const [placed] = place([1, 1], { prefill, prefillWaitSeconds: 0.505 });
    expect(placed?.verdicts[1]?.prefillWaitSeconds).toBeCloseTo(0.509);
    expect(placed?.why).toBe(
      "it takes 1.0 ms of 1000.0 ms; store makes a prefill wait 599.0 ms of 505.0 ms; disk makes a prefill wait 509.0 ms of 505.0 ms",
    );
  });

  it("never places more than there is room for, nor later than needed, and fails only where no tier is left", () => {
    const seconds = fc.array(fc.double({ min: 0, max: 0.2, noNaN: true }), { minLength: 2, maxLength: 2 });
    const room = fc.constantFrom(0, first, first + second);
    fc.assert(
      fc.property(seconds, room, room, (slack, ram, free) => {
        const tight = { ...machine, tiers: [tier("ram", ram, 0), tier("disk", null, 0.009)] };
        const placed = place(slack, { machine: tight, deviceFreeBytes: free });
        const used = (name: string) => placed.reduce((sum, one) => sum + (one.tier === name ? one.bytes : 0), 0);
        expect(used("ram")).toBeLessThanOrEqual(ram);
        expect(used("gpu")).toBeLessThanOrEqual(free);
        for (const [i, { tier: chosen, verdicts }] of placed.entries()) {
          const verdict = verdicts.find((one) => one.tier === chosen);
          if (verdict === undefined) expect(verdicts.some((one) => one.inTime && one.hasRoom)).toBe(false);
          else expect(verdict.fetchSeconds).toBeLessThanOrEqual(slack[i] ?? 0);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("planModel", () => {
  it("gives later blocks more time, by the blocks in front of them", () => {
    const { placement, cost } = planModel(spec);
    const [one, other] = placement.tables;
    const { device } = placement;
    const time = ({ flops, bytes }: { flops: number; bytes: number }) =>
      Math.max(flops / device.flopsPerSecond, bytes / device.bytesPerSecond);
    const before = (block: number) => cost.decode.blocks.slice(0, block).reduce((sum, step) => sum + time(step), 0);
    expect(one?.slackSeconds).toBeCloseTo(before(1), 12);
    expect(other?.slackSeconds).toBeCloseTo(before(14), 12);
    expect(placement.decodeStepSeconds).toBeGreaterThan(before(29));
    expect(placement.tables.map(({ tier: name }) => name)).toEqual(["ram", "disk"]);
    expect(placement.problems).toEqual([]);
  });

  it("puts a measured speed in place of the estimate", () => {
    const slow = planModel(spec, { tokensPerSecond: 5 });
    expect(slow.placement.decodeStepSeconds).toBeCloseTo(0.2, 12);
    expect(slow.placement.tables.map(({ tier: name }) => name)).toEqual(["disk", "object store"]);
  });

  it("says what does not fit", () => {
    const small = { ...machine, device: { ...machine.device, bytes: 2 ** 30 }, tiers: [] };
    const { placement } = planModel(spec, { machine: small });
    expect(placement.deviceFreeBytes).toBeLessThan(0);
    expect(placement.problems).toHaveLength(3);
    expect(placement.problems[0]).toMatch(/^gpu has 1\.0 GiB; weights take 39\.0 GiB .*: use a larger device/);
    expect(placement.problems[2]).toMatch(/^the table of block 14 has no place: /);
  });

  it("takes no more context than the model has, and needs no memory", () => {
    const plan = planModel(modelPreset("dense-4b"), { workload: { contextTokens: 10_000, prefillTokens: 10_000 } });
    expect(plan.workload).toMatchObject({ contextTokens: 4096, prefillTokens: 4096 });
    expect(plan.memory).toBeNull();
    expect(plan.placement.tables).toEqual([]);
  });

  it.each([
    ["a speed of 0", { tokensPerSecond: 0 }, /tokensPerSecond is 0/],
    ["a negative wait", { prefillWaitSeconds: -1 }, /prefillWaitSeconds is -1/],
    ["no sequences", { workload: { sequences: 0 } }, /sequences is 0/],
    ["half a token", { workload: { prefillTokens: 1.5 } }, /prefillTokens is 1.5/],
    ["weights of no bytes", { workload: { weightBytes: 0 } }, /weightBytes is 0/],
    [
      "a device without speed",
      { machine: { ...machine, device: { ...machine.device, flopsPerSecond: 0 } } },
      /device\.flops/,
    ],
    ["a tier of NaN", { machine: { ...machine, tiers: [tier("ram", Number.NaN, 0)] } }, /tiers\[0\]\.bytes is NaN/],
    ["two tiers of one name", { machine: { ...machine, tiers: [tier("gpu", 1, 0)] } }, /tiers\[0\]\.name is "gpu"/],
    ["no safety at all", { machine: { ...machine, safetyFactor: 0 } }, /safetyFactor is 0/],
  ])("refuses %s", (_what, options, message) => {
    try {
      planModel(spec, options);
      expect.unreachable();
    } catch (error) {
      expect(isEngramError(error, "invalid-argument") && error.message).toMatch(message);
    }
  });
});

describe("planTables", () => {
  it("places tables without a model by speed and blocks alone", () => {
    const tables = MEMORY_PRESETS["deepseek-v4.1-flash"];
    expect(planTables(tables).placement).toBeNull();
    expect(planTables(tables, { blocks: 40 }).placement).toBeNull();
    const { placement } = planTables(tables, { blocks: 40, tokensPerSecond: 50 });
    expect(placement?.map(({ tier: name, slackSeconds }) => [name, slackSeconds])).toEqual([
      ["ram", 1 / 40 / 50],
      ["disk", 14 / 40 / 50],
    ]);
    expect(placement?.[0]?.verdicts[0]?.prefillWaitSeconds).toBeNull();
  });
});
