// Model specifications that came from outside: what is accepted is complete and stays itself, what is not is refused with
// the path of the field. Short forms, consistency of tables and blocks, kinds of the user's own, mutations of valid ones.

import {
  isEngramError,
  MODEL_LIMITS,
  MODEL_PRESETS,
  type ModelSpecInput,
  modelPreset,
  parseModelSpec,
  shortModelSpec,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const names = Object.keys(MODEL_PRESETS) as (keyof typeof MODEL_PRESETS)[];

/** A deep copy with the value at a path replaced, or taken away where it is `undefined`. */
function changed(spec: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(spec);
  let at = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  const last = path.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

function refusal(value: unknown): { path: unknown; message: string } {
  try {
    parseModelSpec(value);
  } catch (error) {
    if (!isEngramError(error, "invalid-config")) throw error;
    return { path: error.context.path, message: error.message };
  }
  throw new Error(`accepted: ${JSON.stringify(value)}`);
}

const byte = MODEL_PRESETS["tiny-mla-moe"];
const gqa = MODEL_PRESETS["tiny-gqa-dense"];

describe("parseModelSpec", () => {
  it.each(names)("accepts the preset %s, complete, its own JSON, and as a short form", (name) => {
    const spec = modelPreset(name);
    const short: ModelSpecInput = spec; // also for the compiler
    expect(parseModelSpec(JSON.parse(JSON.stringify(short)))).toEqual(spec);
    expect(parseModelSpec(JSON.parse(JSON.stringify(shortModelSpec(spec))))).toEqual(spec);
    expect(spec.blocks.every((block) => block.attention && block.feedForward)).toBe(true);
  });

  it("fills in defaults and writes repeated blocks out", () => {
    const input: ModelSpecInput = {
      vocabSize: 100,
      width: 16,
      contextTokens: 32,
      attention: { kind: "gqa", heads: 2, headDim: 8 },
      feedForward: { kind: "moe", routedExperts: 4, expertWidth: 8, topK: 2 },
      blocks: [{ feedForward: { kind: "dense", hiddenWidth: 24 } }, { repeat: 2 }],
    };
    const attention = {
      kind: "gqa",
      heads: 2,
      kvHeads: 2,
      headDim: 8,
      ropeDim: 8,
      queryKeyNorm: false,
      rope: { theta: 10_000, pairing: "halves" },
    };
    const moe = {
      kind: "moe",
      routedExperts: 4,
      sharedExperts: 0,
      expertWidth: 8,
      topK: 2,
      scoring: "sigmoid",
      groups: 1,
      topGroups: 1,
      normalizeWeights: true,
      routeScale: 1,
      balancingBias: true,
    };
    expect(parseModelSpec(input)).toEqual({
      version: 1,
      vocabSize: 100,
      width: 16,
      contextTokens: 32,
      normEpsilon: 1e-6,
      streams: { kind: "residual", count: 1 },
      head: "separate",
      blocks: [
        { attention, feedForward: { kind: "dense", hiddenWidth: 24 } },
        { attention, feedForward: moe },
        { attention, feedForward: moe },
      ],
    });
  });

  it("gives each engram the defaults of its published module", () => {
    const engrams = (name: keyof typeof MODEL_PRESETS) =>
      modelPreset(name).blocks.flatMap(({ engram }) => engram ?? []);
    const convolution = { kernel: 4, dilation: 3, normEpsilon: 1e-5 };
    expect(engrams("engram-27b")).toEqual([
      { kind: "engram", bias: true, normEpsilon: 2 ** -23, convolution },
      { kind: "engram", bias: true, normEpsilon: 2 ** -23, convolution },
    ]);
    expect(engrams("tiny-v4.1")[0]).toEqual({ kind: "deepseek-v4.1", normEpsilon: 1e-20 });
    expect(engrams("tiny-qwen-ple")[0]).toEqual({
      kind: "qwen-ple",
      normEpsilon: 1e-6,
      convolution: { ...convolution, normEpsilon: 1e-6 },
    });
    expect(engrams("tiny-gqa-dense")[0]).toMatchObject({ convolution: null });
  });

  it.each([
    ["not an object", [], 3],
    ["an array", [], []],
    ["another version", ["version"], 2],
    ["a name that is no text", ["name"], 7],
    ["a name too long", ["name"], "x".repeat(201)],
    ["vocabSize 0", ["vocabSize"], 0],
    ["vocabSize above its cap", ["vocabSize"], MODEL_LIMITS.vocabSize + 1],
    ["a width that is a text", ["width"], "32"],
    ["a width that is no whole number", ["width"], 32.5],
    ["contextTokens missing", ["contextTokens"], undefined],
    ["a negative epsilon", ["normEpsilon"], -1e-6],
    ["an epsilon that is not finite", ["normEpsilon"], Number.POSITIVE_INFINITY],
    ["an unknown field", ["hiddenSize"], 32],
    ["a prototype's name as a field", ["constructor"], 1],
    ["an unknown head", ["head"], "shared"],
    ["unknown streams", ["streams", "kind"], "hc"],
    ["no streams", ["streams", "count"], 0],
    ["too many streams", ["streams", "count"], 17],
    ["no iterations", ["streams", "sinkhornIterations"], 0],
    ["a misspelt field of streams", ["streams", "sinkhornIters"], 20],
    ["blocks missing", ["blocks"], undefined],
    ["no blocks", ["blocks"], []],
    ["a block that is null", ["blocks", 1], null],
    ["a block repeated 0 times", ["blocks", 0, "repeat"], 0],
    ["too many blocks", ["blocks", 0, "repeat"], MODEL_LIMITS.blocks + 1],
    ["an unknown attention", ["blocks", 0, "attention", "kind"], "mha"],
    ["no heads", ["blocks", 0, "attention", "heads"], 0],
    ["an odd ropeHeadDim", ["attention", "ropeHeadDim"], 3],
    ["a query rank 0", ["attention", "queryRank"], 0],
    ["a query rank left out", ["attention", "queryRank"], undefined],
    ["theta below 1", ["attention", "rope", "theta"], 0.5],
    ["an unknown pairing", ["attention", "rope", "pairing"], "neox"],
    ["a YaRN factor below 1", ["attention", "rope", "yarn", "factor"], 0.5],
    ["a YaRN without its context", ["attention", "rope", "yarn", "originalContextTokens"], undefined],
    ["YaRN betas the wrong way round", ["attention", "rope", "yarn", "betaFast"], 1],
    ["an unknown feed-forward", ["feedForward", "kind"], "mlp"],
    ["a negative expert width", ["feedForward", "expertWidth"], -1],
    ["top-k above the experts", ["feedForward", "topK"], 9],
    ["top-k above the chosen groups", ["feedForward", "topK"], 5],
    ["groups that do not divide the experts", ["feedForward", "groups"], 3],
    ["groups of one expert", ["feedForward", "groups"], 8],
    ["more chosen groups than groups", ["feedForward", "topGroups"], 5],
    ["an unknown scoring", ["feedForward", "scoring"], "relu"],
    ["a flag that is a number", ["feedForward", "normalizeWeights"], 1],
    ["a dense block without a width", ["blocks", 0, "feedForward", "hiddenWidth"], undefined],
    ["an unknown engram", ["blocks", 1, "engram", "kind"], "paper"],
    ["an engram without a kind", ["blocks", 1, "engram", "kind"], undefined],
    ["a kernel 0", ["blocks", 2, "engram", "convolution", "kernel"], 0],
    ["a kernel above its cap", ["blocks", 2, "engram", "convolution", "kernel"], 65],
    ["a bias that is null", ["blocks", 2, "engram", "bias"], null],
  ] as const)("refuses %s", (_what, path, value) => {
    const { path: named, message } = refusal(path.length === 0 ? value : changed(byte, path, value));
    const shown = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
    expect(named).toBe(shown.replace(/^\./, ""));
    expect(message).toMatch(path.length === 0 ? "the model specification" : String(named));
    expect(message).toMatch(/; \S.{10,}/); // says how to mend it
  });

  it.each([
    ["kvHeads that do not divide heads", ["attention", "kvHeads"], 3, "attention.kvHeads"],
    ["more rotated values than a head has", ["attention", "ropeDim"], 10, "attention.ropeDim"],
    ["an odd number of rotated values", ["attention", "ropeDim"], 3, "attention.ropeDim"],
    ["a plain residual with two streams", ["streams"], { kind: "residual", count: 2 }, "streams.count"],
    ["a YaRN in a text", ["attention", "rope"], { yarn: "10" }, "attention.rope.yarn"],
    ["no default attention", ["attention"], undefined, "blocks[0].attention"],
    ["no default feed-forward", ["feedForward"], undefined, "blocks[0].feedForward"],
    ["an engram that is repeated", ["blocks", 1, "repeat"], 2, "blocks[1].repeat"],
    ["a table no block reads", ["memory", "addressing", "layers"], [1, 0], "memory.addressing.layers[1]"],
    ["a table of a block there is not", ["memory", "addressing", "layers"], [1, 3], "memory.addressing.layers[1]"],
    ["an engram without a table", ["memory", "addressing", "layers"], [1], "blocks[2].engram"],
    ["an engram without a memory", ["memory"], undefined, "blocks[1].engram"],
    ["more compressed tokens than tokens", ["memory", "addressing", "vocabSize"], 257, "memory.addressing.vocabSize"],
    ["a bad field of the addressing", ["memory", "addressing", "headsPerOrder"], 0, "memory.addressing.headsPerOrder"],
    ["an addressing that is missing", ["memory", "addressing"], undefined, "memory.addressing"],
    ["a bad encoding", ["memory", "encoding", "kind"], "fp4", "memory.encoding"],
    [
      "an encoding whose blocks do not fit",
      ["memory", "encoding"],
      { kind: "fp8-e4m3-e8m0", width: 8 },
      "memory.encoding",
    ],
    ["a kind with a slash that was not passed", ["attention", "kind"], "acme/retention", "attention.kind"],
  ] as const)("refuses %s", (_what, path, value, named) => {
    expect(refusal(changed(gqa, path, value)).path).toBe(named);
  });

  it("reads own fields alone", () => {
    const inherited = Object.assign(Object.create({ head: "tied", version: 7 }), byte);
    expect(parseModelSpec(inherited)).toEqual(modelPreset("tiny-mla-moe"));
  });

  it("refuses tables of 2^32 rows, and parameters beyond exact counting", () => {
    const full = changed(gqa, ["memory", "addressing", "tableSizes"], [2 ** 29, 2 ** 29 - 1]);
    expect(refusal(full)).toMatchObject({ path: expect.stringMatching(/^memory\.addressing/) });
    const huge = {
      vocabSize: MODEL_LIMITS.vocabSize,
      width: MODEL_LIMITS.width,
      contextTokens: 1,
      attention: { kind: "gqa", heads: 1, headDim: 2 },
      feedForward: {
        kind: "moe",
        routedExperts: MODEL_LIMITS.experts,
        expertWidth: MODEL_LIMITS.hiddenWidth,
        topK: 1,
      },
      blocks: [{ repeat: MODEL_LIMITS.blocks }],
    };
    expect(refusal(huge).message).toMatch("more than 2^53");
  });

  it("gives a specification or an error with a path for any mutation", () => {
    const junk = fc.oneof(
      fc.constantFrom(undefined, null, true, "", "mla", [], {}, Number.NaN, -1, 0, 1, 2, 3, 7, 1.5, 2 ** 31, 1e300),
      fc.jsonValue({ maxDepth: 2 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), fc.nat(), junk, (name, where, deeper, value) => {
        const paths = pathsOf(MODEL_PRESETS[name]);
        const first = changed(MODEL_PRESETS[name], paths[where % paths.length] ?? [], value);
        const rest = pathsOf(first);
        const second = rest.length === 0 ? first : changed(first, rest[deeper % rest.length] ?? [], value);
        for (const spec of [first, second]) {
          try {
            const parsed = parseModelSpec(spec);
            expect(parseModelSpec(parsed)).toEqual(parsed);
          } catch (error) {
            if (!isEngramError(error, "invalid-config")) throw error;
            expect(error.context.path).toBeTypeOf("string");
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});

/** Every path to a value inside a JSON value. */
function pathsOf(value: unknown): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [];
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  return keys.flatMap((key) => [
    [key],
    ...pathsOf((value as Record<string | number, unknown>)[key]).map((path) => [key, ...path]),
  ]);
}
