// Every field of an addressing configuration: missing, of the wrong type, out of range, at its bounds.
import { ADDRESSING_PRESETS, createAddressing, isEngramError, parseAddressingConfig } from "@engram-ts/core";
import { describe, expect, it } from "vitest";

const demo = ADDRESSING_PRESETS["engram-demo"].config;
const qwen = ADDRESSING_PRESETS["qwen3.8-flash-next"].config;

function refusal(value: unknown): { message: string; field: unknown } {
  try {
    parseAddressingConfig(value);
  } catch (error) {
    if (!isEngramError(error, "invalid-config")) throw error;
    return { message: error.message, field: error.context.field };
  }
  throw new Error(`accepted: ${JSON.stringify(value)}`);
}

describe("parseAddressingConfig", () => {
  it.each(Object.entries(ADDRESSING_PRESETS))("accepts %s and returns it equal and fresh", (_name, { config }) => {
    const parsed = parseAddressingConfig(config);
    expect(parsed).toEqual(config);
    expect(parsed).not.toBe(config);
    expect(parsed.layers).not.toBe(config.layers);
  });

  it.each(Object.keys(demo))("names the missing field %s", (field) => {
    const { [field]: _removed, ...rest } = demo as unknown as Record<string, unknown>;
    expect(refusal(rest)).toEqual({ field, message: expect.stringMatching(`${field} is missing; use `) });
  });

  it.each([
    ["kind", "engrams"],
    ["kind", "constructor"],
    ["kind", 3],
    ["vocabSize", 0],
    ["vocabSize", 2 ** 31 + 1],
    ["vocabSize", 1.5],
    ["vocabSize", "98627"],
    ["vocabSize", Number.NaN],
    ["vocabSize", 10n],
    ["seed", -1],
    ["seed", 2 ** 53],
    ["seed", null],
    ["layers", []],
    ["layers", 1],
    ["layers", "1"],
    ["layers", Array.from({ length: 129 }, (_, i) => i)],
    ["layers[1]", [1, 65_536]],
    ["layers[1]", [1, 1]],
    ["layers[0]", [-1]],
    ["layers[1]", new Array(2).fill(4, 0, 1)],
    ["tableSizes", []],
    ["tableSizes", [9, 9, 9, 9, 9, 9, 9, 9]],
    ["tableSizes", [2 ** 31, 2 ** 31]],
    ["tableSizes[1]", [100, 1]],
    ["tableSizes[0]", [2 ** 31 + 1]],
    ["tableSizes[0]", ["646400"]],
    ["headsPerOrder", 0],
    ["headsPerOrder", 65],
    ["padId", 98_627],
    ["padId", -1],
    ["eosId", 3],
    ["vocabsize", 98_627],
  ])("refuses %s = %s", (field, found) => {
    const { field: named, message } = refusal({ ...demo, [field.replace(/\[.*/, "")]: found });
    expect(named).toBe(field);
    expect(message).toMatch(/parseAddressingConfig: .* (is|hold)/);
  });

  it("refuses what is no object, and a pad id for qwen-ple", () => {
    for (const value of [undefined, null, 5, "engram", [demo]])
      expect(refusal(value).message).toContain("use an object");
    expect(refusal({ ...qwen, padId: 2 }).field).toBe("padId");
  });

  it("accepts every bound", () => {
    parseAddressingConfig({ ...demo, vocabSize: 2 ** 31, padId: 2 ** 31 - 1, seed: 2 ** 53 - 1 });
    parseAddressingConfig({ ...demo, vocabSize: 1, padId: 0 });
    parseAddressingConfig({ ...demo, layers: Array.from({ length: 128 }, (_, i) => 65_535 - i) });
    parseAddressingConfig({ ...demo, tableSizes: [2, 2, 2, 2, 2, 2, 2], headsPerOrder: 64 });
    parseAddressingConfig({ ...demo, tableSizes: [2 ** 31], headsPerOrder: 1 });
  });

  it("leaves to the derivation what only the primes tell: 2^32 rows and more", () => {
    const config = { ...demo, tableSizes: [2 ** 31 - 1, 2 ** 31 - 1], headsPerOrder: 1 } as const;
    parseAddressingConfig(config); // the sizes sum to 2^32 - 2, the primes to 2^32 + 10
    expect(() => createAddressing(config)).toThrowError(/rows for layer 1, and a module holds at most 4294967295/);
  });
});
