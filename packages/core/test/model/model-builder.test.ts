// The builder: the same specification as the short form, layers found by themselves, and builders as values.

import { isEngramError, modelBuilder, modelPreset, parseModelSpec } from "@engram-ts/core";
import { describe, expect, it } from "vitest";

const engram = { kind: "engram" } as const;

describe("modelBuilder", () => {
  it("writes engram-27b", () => {
    const preset = modelPreset("engram-27b");
    const spec = modelBuilder({
      name: "engram-27b",
      ...(preset.description !== undefined && { description: preset.description }),
      vocabSize: 129_280,
      width: 2560,
      contextTokens: 4096,
    })
      .streams({ kind: "mhc", count: 4 })
      .memory(
        { kind: "engram", vocabSize: 98_627, seed: 0, tableSizes: [2_262_400, 2_262_400], headsPerOrder: 8, padId: 2 },
        { kind: "bf16", width: 80 },
      )
      .each({
        attention: {
          kind: "mla",
          heads: 32,
          queryRank: 512,
          kvRank: 512,
          nopeHeadDim: 128,
          ropeHeadDim: 64,
          valueHeadDim: 128,
        },
        feedForward: { kind: "moe", routedExperts: 55, sharedExperts: 2, expertWidth: 1536, topK: 6 },
      })
      .block({ feedForward: { kind: "dense", hiddenWidth: 12_288 } })
      .block({ engram })
      .blocks(12)
      .block({ engram })
      .blocks(15)
      .build();
    expect(spec).toEqual(preset);
  });

  const small = modelBuilder({
    vocabSize: 64,
    width: 16,
    contextTokens: 32,
    attention: { kind: "gqa", heads: 2, headDim: 8 },
    feedForward: { kind: "dense", hiddenWidth: 32 },
  });

  it("goes on from a common beginning in two ways", () => {
    const begun = small.block();
    const one = begun.blocks(2).build();
    const other = begun.each({ feedForward: { kind: "dense", hiddenWidth: 48 } }).block();
    expect(one.blocks).toHaveLength(3);
    expect(other.build().blocks.map(({ feedForward }) => feedForward)).toEqual([
      { kind: "dense", hiddenWidth: 32 },
      { kind: "dense", hiddenWidth: 48 },
    ]);
    expect(begun.build().blocks).toHaveLength(1);
  });

  it("leaves the check to build", () => {
    const odd = small.blocks(1, { attention: { kind: "gqa", heads: 2, headDim: 7 } });
    expect(() => odd.build()).toThrow(/blocks\[0\]\.attention\.headDim is 7/);
    try {
      small.block({ engram }).build();
      expect.unreachable();
    } catch (error) {
      expect(isEngramError(error, "invalid-config") && error.context.path).toBe("blocks[0].engram");
    }
    expect(() => small.build()).toThrow(/blocks is an array of 0/);
  });

  it("gives what the short form gives", () => {
    const spec = small
      .block({ attention: { kind: "gqa", heads: 4, kvHeads: 1, headDim: 4 } })
      .block()
      .build();
    expect(spec).toEqual(
      parseModelSpec({
        vocabSize: 64,
        width: 16,
        contextTokens: 32,
        attention: { kind: "gqa", heads: 2, headDim: 8 },
        feedForward: { kind: "dense", hiddenWidth: 32 },
        blocks: [{ attention: { kind: "gqa", heads: 4, kvHeads: 1, headDim: 4 } }, {}],
      }),
    );
  });
});
