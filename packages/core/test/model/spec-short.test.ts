// The short form of a complete specification: short, and read back to the same.

import { MODEL_PRESETS, modelBuilder, modelPreset, parseModelSpec, shortModelSpec } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("shortModelSpec", () => {
  it("puts what most blocks share at the top and equal blocks into one entry", () => {
    const short = shortModelSpec(modelPreset("engram-27b"));
    const engram = {
      kind: "engram",
      bias: true,
      normEpsilon: 2 ** -23,
      convolution: { kernel: 4, dilation: 3, normEpsilon: 1e-5 },
    };
    expect(short.blocks).toEqual([
      { feedForward: { kind: "dense", hiddenWidth: 12_288 } },
      { engram },
      { repeat: 12 },
      { engram },
      { repeat: 15 },
    ]);
    expect(short.feedForward).toMatchObject({ kind: "moe", routedExperts: 55 });
    for (const name of Object.keys(MODEL_PRESETS)) {
      expect(JSON.stringify(shortModelSpec(modelPreset(name as "tiny"))).length).toBeLessThan(2500);
    }
  });

  it("is read back to an equal specification, whatever the order of the blocks", () => {
    const widths = fc.array(fc.constantFrom(8, 16, 24), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(widths, fc.nat(), (hidden, where) => {
        const engramAt = where % (hidden.length + 1); // one past the end: none
        let builder = modelBuilder({ vocabSize: 64, width: 8, contextTokens: 16 }).each({
          attention: { kind: "gqa", heads: 2, headDim: 4 },
        });
        if (engramAt < hidden.length) {
          builder = builder.memory(
            { kind: "engram", vocabSize: 64, seed: 0, tableSizes: [10], headsPerOrder: 2, padId: 0 },
            { kind: "f32", width: 2 },
          );
        }
        for (const [i, hiddenWidth] of hidden.entries()) {
          builder = builder.block({
            feedForward: { kind: "dense", hiddenWidth },
            ...(i === engramAt && { engram: { kind: "deepseek-v4.1" } }),
          });
        }
        const spec = builder.build();
        expect(parseModelSpec(JSON.parse(JSON.stringify(shortModelSpec(spec))))).toEqual(spec);
      }),
      { numRuns: 100 },
    );
  });
});
