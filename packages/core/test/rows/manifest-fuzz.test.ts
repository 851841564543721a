// Manifests with places deleted or replaced by odd values: they parse, or fail with a typed error; nothing else happens.

import { readFileSync } from "node:fs";
import { ADDRESSING_PRESETS, createAddressing, isEngramError, parseManifest, serializeManifest } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const v41 = readFileSync(new URL("../fixtures/manifest-v41.json", import.meta.url), "utf8");
const { config, encoding } = ADDRESSING_PRESETS["engram-demo"];
const derived = createAddressing(config, { kernel: "typescript" }).derivation();
const demo = serializeManifest({
  format: "engram",
  version: 1,
  addressing: config,
  derived,
  tokenMap: { file: "map.bin", bytes: 515_260, sha256: "a".repeat(64), tokens: 128_815, compressed: 98_627 },
  modules: derived.layers.map(({ layer, rows }) => {
    const data = { uri: `${layer}.bin`, bytes: rows * 128, offset: 0, stride: 128 };
    return { layer, rows, encoding, parts: [{ firstRow: 0, rows, data }] };
  }),
});

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** Every field and entry of a JSON document. */
function places(value: unknown): Place[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...places(holder[key])]);
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    "..",
    "1",
    0,
    -0,
    -1,
    1,
    0.5,
    255,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    undefined,
    1n,
    Symbol("odd"),
    () => 1,
    [],
    {},
    [[]],
    new Array(2 ** 32 - 1),
    new Map(),
    Object.create(null),
    { length: 2 ** 31 },
    "x".repeat(1e6),
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary" }),
);

const mutation = fc.record({ at: fc.nat(), value: odd, how: fc.constantFrom("replace", "delete", "add", "repeat") });

describe.each([
  ["packed", demo],
  ["sharded", v41],
])("a %s manifest, mutated", (_name, text) => {
  it("parses or fails with invalid-manifest", () => {
    let parsed = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const source: unknown = JSON.parse(text);
        for (const { at, value, how } of mutations) {
          const all = places(source);
          const { holder, key } = all[at % all.length] as Place; // a manifest is never empty
          if (how === "delete") delete holder[key];
          else if (how === "add") holder[`${key}x`] = value;
          else if (how === "repeat") holder[key] = [holder[key], holder[key]];
          else holder[key] = value;
          if (all.length < 2 || typeof source !== "object") break;
        }
        try {
          const result = parseManifest(source);
          parsed++;
          expect(parseManifest(serializeManifest(result))).toEqual(result);
        } catch (error) {
          refused++;
          if (!isEngramError(error, "invalid-manifest")) throw error;
          expect(error.message.length).toBeLessThan(2000);
        }
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(1000);
    expect(parsed).toBeGreaterThan(10);
  });

  it("cut or changed at any character, fails with invalid-manifest or parses", () => {
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(3), fc.string({ maxLength: 3 }), (at, dropped, inserted) => {
        try {
          parseManifest(text.slice(0, at) + inserted + text.slice(at + dropped));
        } catch (error) {
          if (!isEngramError(error, "invalid-manifest")) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
