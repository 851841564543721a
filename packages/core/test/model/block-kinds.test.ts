// Kinds that users bring: read, counted and planned like the package's own, and refused where they are not usable.

import {
  BLOCK_KINDS,
  type BlockKind,
  type CustomPartSpec,
  countParameters,
  isEngramError,
  modelBuilder,
  modelParameters,
  parseModelSpec,
  planModel,
  shortModelSpec,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";

interface RetentionSpec extends CustomPartSpec {
  readonly kind: "acme/retention";
  readonly heads: number;
  readonly decay: number;
}

const retention: BlockKind<RetentionSpec> = {
  slot: "attention",
  kind: "acme/retention",
  parse(fields, { width }) {
    const heads = fields.whole("heads", { least: 1, most: 64 }, "the heads");
    if (width % heads !== 0) fields.refuse("heads", `it must divide the width, ${width}`);
    return {
      kind: "acme/retention",
      heads,
      decay: fields.real("decay", { least: 0, most: 1, fallback: 0.9 }, "decay"),
    };
  },
  parameters: ({ heads }, { width }) => [
    { name: "state.weight", shape: [3 * width, width], component: "custom", initial: "normal" },
    { name: "decay", shape: [heads], component: "custom", initial: "ones" },
  ],
};

const start = modelBuilder({ vocabSize: 64, width: 16, contextTokens: 32, kinds: [retention] }).each({
  feedForward: { kind: "dense", hiddenWidth: 32 },
});

function refusal(run: () => unknown): { code: string; path: unknown; message: string } {
  try {
    run();
  } catch (error) {
    if (isEngramError(error)) return { code: error.code, path: error.context.path, message: error.message };
    throw error;
  }
  throw new Error("accepted");
}

describe("a kind of the user's own", () => {
  const spec = start.blocks(2, { attention: { kind: "acme/retention", heads: 4 } }).build();

  it("is read with its defaults, written, and read again", () => {
    expect(spec.blocks[1]?.attention).toEqual({ kind: "acme/retention", heads: 4, decay: 0.9 });
    const text = JSON.stringify(shortModelSpec(spec));
    expect(parseModelSpec(JSON.parse(text), { kinds: [retention] })).toEqual(spec);
  });

  it("has its parameters in the model's list, counts and plans", () => {
    const options = { kinds: [retention] };
    const own = modelParameters(spec, options).filter(({ component }) => component === "custom");
    expect(own.map(({ name }) => name)).toEqual([
      "blocks.0.attention.state.weight",
      "blocks.0.attention.decay",
      "blocks.1.attention.state.weight",
      "blocks.1.attention.decay",
    ]);
    const count = countParameters(spec, options);
    expect(count.components).toContainEqual({ component: "custom", total: 1544, activated: 1544 });
    expect(planModel(spec, options).cost.stateBytes).toBe(0); // nothing grows with the context
  });

  it("has its fields checked, with their paths", () => {
    const build = (attention: object) => () =>
      parseModelSpec({ ...spec, blocks: [{ ...spec.blocks[0], attention }] }, { kinds: [retention] });
    expect(refusal(build({ kind: "acme/retention", heads: 3 })).path).toBe("blocks[0].attention.heads");
    expect(refusal(build({ kind: "acme/retention", heads: 4, gate: 1 })).path).toBe("blocks[0].attention.gate");
    expect(refusal(build({ kind: "acme/other", heads: 4 }))).toMatchObject({
      path: "blocks[0].attention.kind",
      message: expect.stringMatching("acme/retention"),
    });
  });

  it("is missed where it is not passed", () => {
    expect(refusal(() => parseModelSpec(spec)).message).toMatch("option kinds");
    expect(refusal(() => modelParameters(spec))).toMatchObject({ code: "invalid-argument" });
  });

  it("must have a slash in its name and a name of its own", () => {
    for (const kinds of [
      [{ ...retention, kind: "retention" }],
      [{ ...retention, kind: "mla" }],
      [{ ...retention, kind: "acme/" }],
      [retention, retention],
    ]) {
      const run = () => parseModelSpec(spec, { kinds: kinds as readonly BlockKind[] });
      expect(refusal(run).code).toBe("invalid-argument");
    }
    // the same name in another slot is another kind
    const other = { ...retention, slot: "feedForward" } as const;
    expect(parseModelSpec(spec, { kinds: [retention, other as BlockKind] })).toEqual(spec);
  });
});

describe("the package's kinds", () => {
  it("are four", () => {
    expect(BLOCK_KINDS.map(({ slot, kind }) => `${slot} ${kind}`)).toEqual([
      "attention mla",
      "attention gqa",
      "feedForward dense",
      "feedForward moe",
    ]);
  });
});
