// The numbers that published checkpoints and reference programs fix, and the presets that must give them.
import { readFileSync } from "node:fs";
import { ADDRESSING_PRESETS, type AddressingPresetName, createAddressing } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { splitmix64 } from "../../src/addressing/splitmix.js";

const addressingOf = (name: AddressingPresetName) => createAddressing(ADDRESSING_PRESETS[name].config);

describe("ADDRESSING_PRESETS", () => {
  it.each([
    ["engram-demo", "engram-demo"],
    ["deepseek-v4.1-flash", "deepseek-v4.1"],
    ["qwen3.8-flash-next", "qwen3.8-flash-next"],
  ] as const)("%s equals the example file %s.json", (name, file) => {
    const text = readFileSync(new URL(`../../../../examples/addressing/${file}.json`, import.meta.url), "utf8");
    expect(JSON.parse(text)).toEqual(ADDRESSING_PRESETS[name].config);
  });

  it("states the rows' encodings", () => {
    const encodings = Object.values(ADDRESSING_PRESETS).map((preset) => preset.encoding);
    expect(encodings).toEqual([
      { kind: "bf16", width: 64 },
      { kind: "fp8-e4m3-e8m0", width: 256 },
      { kind: "bf16", width: 160 },
    ]);
  });
});

describe("engram-demo", () => {
  const { layers } = addressingOf("engram-demo");
  it("has the demo's multipliers, primes and rows", () => {
    expect(layers.map((layer) => layer.multipliers)).toEqual([
      [76993395940407n, 4862694818241n, 36129212583461n],
      [29055444938695n, 56284491166079n, 54183298291715n],
    ]);
    expect(layers[0]?.primes[0]).toEqual([646403, 646411, 646421, 646423, 646433, 646453, 646519, 646523]);
    expect(layers[0]?.primes[1]?.[0]).toBe(646537);
    expect(layers[1]?.primes.flat().at(-1)).toBe(646879);
    expect(layers.map((layer) => layer.rows)).toEqual([10_344_164, 10_348_242]);
    expect(layers[0]?.offsets.slice(0, 3)).toEqual([0, 646403, 646403 + 646411]);
  });
});

describe("deepseek-v4.1-flash", () => {
  const addressing = addressingOf("deepseek-v4.1-flash");
  it("has the checkpoint's table sizes and multipliers", () => {
    expect(addressing.layers.map((layer) => layer.rows)).toEqual([384_006_168, 384_016_682]);
    expect(addressing.layers.map((layer) => layer.multipliers)).toEqual([
      [76632096046245n, 4839876093313n, 35959672319349n, 73987337458391n],
      [67716810739261n, 51510806800915n, 30921347202721n, 82619226485591n],
    ]);
    expect(addressing.layers[0]?.primes[0]?.slice(0, 3)).toEqual([16000057, 16000079, 16000081]);
    expect(addressing.layers[1]?.primes.flat().at(-1)).toBe(16000889);
  });

  it("gives the known row ids of a short sequence", () => {
    const rows = addressing.rowIds(1, [0, 5, 10, 99091, 42, 42, 42, 7]);
    expect(Array.from(rows.subarray(0, 24))).toEqual([
      5702652, 24393184, 39183301, 61503783, 78984481, 90144770, 103724983, 121476532, 131476717, 152385926, 164143652,
      191599181, 198145581, 217419202, 238329687, 247482304, 257520185, 283540304, 288689443, 315264704, 322314652,
      348890037, 367865216, 380066193,
    ]);
    expect(Array.from(rows.subarray(72, 76))).toEqual([12231361, 18671568, 38135447, 58388390]);
  });
});

describe("qwen3.8-flash-next", () => {
  it("has the checkpoint's multipliers, primes and padded rows", () => {
    const [layer] = addressingOf("qwen3.8-flash-next").layers;
    expect(layer?.multipliers).toEqual([23703573157769n, 20109073645365n, 8052911324071n]);
    expect(layer?.primes.flat().at(0)).toBe(20_000_003);
    expect(layer?.primes.flat().at(-1)).toBe(20_000_171);
    expect(layer?.primes.flat().reduce((sum, prime) => sum + prime, 0)).toBe(320_001_446);
    expect(layer?.rows).toBe(320_001_536);
  });

  it("draws by SplitMix64", () => {
    // the first outputs of the published reference generator from state 0
    expect(splitmix64(0n)).toBe(0xe220a8397b1dcdafn);
    expect(splitmix64(0x9e3779b97f4a7c15n)).toBe(0x6e789e6aa1b965f4n);
    expect(splitmix64(2n ** 64n)).toBe(splitmix64(0n));
  });
});
