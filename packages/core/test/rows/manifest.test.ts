// The manifest: written and read back, disagreements named by their path, and nothing but typed errors for what is wrong.
import {
  ADDRESSING_PRESETS,
  checkManifest,
  createAddressing,
  isEngramError,
  MAX_MANIFEST_LENGTH,
  type Manifest,
  type ManifestModule,
  parseManifest,
  type RowEncoding,
  serializeManifest,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { fixture } from "./fixture.js";

const config = {
  kind: "engram",
  vocabSize: 50,
  seed: 3,
  layers: [1, 15],
  tableSizes: [10, 12],
  headsPerOrder: 2,
  padId: 2,
} as const;
const addressing = createAddressing(config, { kernel: "typescript" });
const derived = addressing.derivation();
const SHA = "0123456789abcdef".repeat(4);

function rowsOf(layer: number): number {
  return derived.layers.find((entry) => entry.layer === layer)?.rows ?? 0;
}

/** One packed file. */
function packed(layer: number, encoding: RowEncoding, rowBytes: number): ManifestModule {
  const rows = rowsOf(layer);
  const data = { uri: `rows-${layer}.bin`, bytes: rows * rowBytes, sha256: SHA, offset: 0, stride: rowBytes };
  const digests = { uri: `rows-${layer}.digests`, bytes: 32 * Math.ceil(rows / 16), sha256: SHA };
  const blocks = { rows: 16, digests };
  return { layer, rows, encoding, digest: `sha256:${SHA}`, blocks, parts: [{ firstRow: 0, rows, data }] };
}

/** Two shards, the values of both in one object, scales elsewhere. */
function sharded(layer: number): ManifestModule {
  const rows = rowsOf(layer) + 3;
  const first = 7;
  const region = (uri: string, bytes: number, offset: number, stride: number) => ({ uri, bytes, offset, stride });
  const bytes = 100 + rows * 64;
  return {
    layer,
    rows,
    encoding: { kind: "fp8-e4m3-e8m0", width: 64 },
    parts: [
      {
        firstRow: 0,
        rows: first,
        data: region("shards/a.safetensors", bytes, 100, 64),
        scales: region("shards/b.safetensors", 4096, 8, 2),
      },
      {
        firstRow: first,
        rows: rows - first,
        data: region("shards/a.safetensors", bytes, 100 + first * 64, 64),
        scales: region("shards/b.safetensors", 4096, 1000, 8),
      },
    ],
  };
}

const manifest: Manifest = {
  format: "engram",
  version: 1,
  addressing: config,
  derived,
  tokenMap: { file: "tokens/map.bin", bytes: 400, sha256: SHA, tokens: 90, compressed: 50 },
  modules: [packed(1, { kind: "bf16", width: 8 }, 16), sharded(15)],
};

type Path = readonly (string | number)[];

/** A copy of the manifest with one place changed; `undefined` deletes it. */
function changed(path: Path, value: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(manifest)) as Record<string, unknown>;
  let at = copy;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string, unknown>;
  const last = String(path.at(-1));
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

function refusal(source: unknown): string {
  try {
    parseManifest(source);
  } catch (error) {
    if (isEngramError(error, "invalid-manifest")) return error.message;
    throw error;
  }
  return "nothing thrown";
}

describe("writing and reading", () => {
  it("gives back what was written, from text and from JSON", () => {
    const text = serializeManifest(manifest);
    expect(text.endsWith("}\n")).toBe(true);
    expect(parseManifest(text)).toEqual(manifest);
    expect(parseManifest(JSON.parse(text))).toEqual(manifest);
  });

  it("writes fields in one order, whatever the order they came in", () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, entry]) => [key, reversed(entry)]),
      );
    };
    expect(serializeManifest(reversed(manifest) as Manifest)).toBe(serializeManifest(manifest));
  });

  it("does without what is optional", () => {
    const { tokenMap: _, ...rest } = manifest;
    const least = { ...rest, modules: [sharded(15)] };
    expect(parseManifest(serializeManifest(least))).toEqual(least);
  });

  it("gives a fresh object that later changes of the source do not reach", () => {
    const source = JSON.parse(serializeManifest(manifest)) as { addressing: { layers: number[] } };
    const parsed = parseManifest(source);
    source.addressing.layers[0] = 9;
    expect(parsed.addressing.layers).toEqual([1, 15]);
  });

  it("makes negative zeros plain ones, wherever they stand", () => {
    const negative = serializeManifest(manifest).replaceAll(/(?<=: |\n *)0(?=,?\n)/g, "-0");
    expect(negative).toContain('"offset": -0');
    expect(JSON.parse(negative).derived.layers[0].offsets[0]).toBe(-0);
    expect(parseManifest(negative)).toEqual(manifest);
    const seedless = parseManifest(changed(["addressing", "seed"], -0));
    expect(seedless.addressing.seed).toBe(0);
  });

  it("refuses to write what it would not read", () => {
    expect(() => serializeManifest(changed(["version"], 2) as Manifest)).toThrow(/version is 2/);
  });

  it("reads interleaved regions of one object", () => {
    const rows = rowsOf(1);
    const region = { uri: "x", bytes: rows * 12, stride: 12 };
    const part = { firstRow: 0, rows, data: { ...region, offset: 0 }, scales: { ...region, offset: 8 } };
    const module = { layer: 1, rows, encoding: { kind: "int8", width: 8 }, parts: [part] };
    expect(parseManifest(changed(["modules"], [module])).modules).toEqual([module]);
  });
});

describe("the layout of DeepSeek-V4.1-Flash, as stored in test/fixtures", () => {
  const text = fixture(
    "manifest-v41.json",
    "aa1d85e930dcc4ee7da1d7e6024db3db572167cd0772dddfd9082cbd78795b6e",
  ).toString();
  const { config: v41, encoding } = ADDRESSING_PRESETS["deepseek-v4.1-flash"];

  it("is read, and written again byte for byte", () => {
    const parsed = parseManifest(text);
    expect(parsed.modules.map(({ rows }) => rows)).toEqual([384_006_168, 384_016_682]);
    expect(parsed.modules[0]?.encoding).toEqual(encoding);
    expect(parsed.addressing).toEqual(v41);
    expect(serializeManifest(parsed)).toBe(text);
  });

  it("has the derived numbers of its addressing", () => {
    const parsed = parseManifest(text);
    const made = createAddressing(parsed.addressing, { derived: parsed.derived, kernel: "typescript" });
    expect(() => checkManifest(parsed, made)).not.toThrow();
  });
});

describe("checkManifest", () => {
  const difference = (source: Manifest): string => {
    try {
      checkManifest(source, addressing);
    } catch (error) {
      if (isEngramError(error, "manifest-mismatch")) return error.message;
      throw error;
    }
    return "none";
  };

  it("passes the addressing that the manifest was made for", () => {
    expect(difference(parseManifest(manifest))).toBe("none");
  });

  it.each([
    [["addressing", "seed"], 4, "addressing.seed is 4 in the manifest and 3"],
    [["addressing", "padId"], 3, "addressing.padId is 3"],
    [["derived", "layers", 1, "multipliers", 2], "7", "layers[1].multipliers[2] is stored as"],
    [["derived", "layers", 0, "primes", 1, 0], 11, "layers[0].primes[1][0] is stored as 11"],
    [["derived", "layers", 0, "offsets", 3], 11, "layers[0].offsets[3] is stored as 11"],
  ] as const)("names the first difference at %j", (path, value, part) => {
    expect(difference(parseManifest(changed(path, value)))).toContain(part);
  });

  it("finds another kind of addressing", () => {
    const v41 = createAddressing({ ...config, kind: "deepseek-v4.1" }, { kernel: "typescript" });
    expect(() => checkManifest(manifest, v41)).toThrow(/addressing.kind is "engram" in the manifest/);
  });
});

const part = (...path: (string | number)[]): Path => ["modules", 1, "parts", ...path];

describe("refuses, naming the path, what was found and what is allowed", () => {
  it.each<[string, unknown, string]>([
    ["nothing", undefined, "manifest is missing; use an object"],
    ["an array", [], "manifest is an array of 0"],
    ["empty text", "", 'manifest is ""; it must be JSON'],
    ["text that is cut short", serializeManifest(manifest).slice(0, -4), "is the file cut short?"],
    ["text that is too long", " ".repeat(MAX_MANIFEST_LENGTH + 1), `at most ${MAX_MANIFEST_LENGTH} are read`],
    ["deeply nested text", `${"[".repeat(500_000)}${"]".repeat(500_000)}`, "manifest is"],
    ["a null in text", "null", "manifest is null"],
  ])("%s", (_name, source, expected) => {
    expect(refusal(source)).toContain(expected);
  });

  it.each<[Path, unknown, string]>([
    [["format"], "safetensors", 'format is "safetensors"'],
    [["version"], 2, "version is 2; this release reads version 1"],
    [["version"], "1", 'version is "1"'],
    [["blockBytes"], 4096, 'manifest."blockBytes" is 4096; only'],
    [["addressing"], undefined, "addressing is missing"],
    [["addressing", "kind"], "other", 'addressing.kind is "other"'],
    [["addressing", "layers", 1], 1, "addressing.layers[1] is 1"],
    [["addressing", "seeed"], 1, "addressing.seeed is 1"],
    [["derived"], undefined, "derived is missing"],
    [["derived", "layers"], [], "derived.layers is an array of 0; use an array of 2 entries"],
    [["derived", "layers", 1, "layer"], 14, "derived.layers[1].layer is 14; addressing.layers[1] is 15"],
    [["derived", "layers", 0, "multipliers", 0], 5, "derived.layers[0].multipliers[0] is 5; use a positive whole"],
    [["derived", "layers", 0, "multipliers", 0], "1e5", "at most 19 digits"],
    [["derived", "layers", 0, "multipliers", 0], "0".repeat(1e6), "characters more"],
    [["derived", "layers", 0, "primes"], [[2, 3]], "primes is an array of 1; use an array of 2 entries"],
    [["derived", "layers", 0, "primes", 0, 1], 1.5, "primes[0][1] is 1.5"],
    [["derived", "layers", 0, "offsets", 3], -1, "offsets[3] is -1"],
    [["derived", "layers", 0, "rows"], 2 ** 32, "derived.layers[0].rows is 4294967296"],
    [["tokenMap", "file"], "../map.bin", 'tokenMap.file is "../map.bin"'],
    [["tokenMap", "sha256"], SHA.toUpperCase(), "tokenMap.sha256 is"],
    [["tokenMap", "sha256"], undefined, "tokenMap.sha256 is missing"],
    [["tokenMap", "tokens"], 49, "tokenMap.compressed is 50; use a whole number from 1 to 49"],
    [["tokenMap", "compressed"], 51, "tokenMap.compressed is 51; addressing.vocabSize is 50"],
    [["modules"], [], "modules is an array of 0; use an array of 1 to 2"],
    [["modules", 1, "layer"], 2, "modules[1].layer is 2; addressing.layers has 1, 15"],
    [["modules", 1], manifest.modules[0], "modules[1].layer is 1; modules[0] is that layer's table"],
    [
      ["modules", 0, "rows"],
      rowsOf(1) - 1,
      `modules[0].rows is ${rowsOf(1) - 1}; use a whole number from ${rowsOf(1)}`,
    ],
    [["modules", 0, "encoding", "kind"], "f64", "modules[0].encoding is an object"],
    [["modules", 0, "encoding", "scale"], 2, "bf16 has no scale of the whole table"],
    [["modules", 0, "digest"], SHA, "modules[0].digest is"],
    [["modules", 0, "blocks", "rows"], 0, "modules[0].blocks.rows is 0"],
    [["modules", 0, "blocks", "rows"], 5, "modules[0].blocks.digests.bytes is"],
    [["modules", 0, "blocks", "digests", "uri"], "../digests", "modules[0].blocks.digests.uri is"],
    [["modules", 0, "blocks", "digests", "uri"], "rows-1.bin", "modules[0].parts[0].data.bytes is"],
    [["modules", 0, "blocks", "digests", "sha256"], undefined, "modules[0].blocks.digests.sha256 is missing"],
    [["modules", 0, "blocks", "bytes"], 4096, 'modules[0].blocks."bytes" is 4096'],
    [["modules", 0, "parts"], [], "modules[0].parts is an array of 0"],
    [part(0, "firstRow"), 1, "modules[1].parts[0].firstRow is 1; use 0"],
    [part(1, "firstRow"), 8, "it leaves a gap"],
    [part(1, "firstRow"), 6, "it overlaps"],
    [["modules", 1, "rows"], rowsOf(15), `the parts then hold ${rowsOf(15) + 3} rows, and the table ${rowsOf(15)}`],
    [part(1, "rows"), 1, "they hold 8 rows"],
    [part(0, "rows"), 0, "parts[0].rows is 0"],
    [part(0, "data", "offset"), -1, "data.offset is -1"],
    [
      part(0, "data", "offset"),
      2 ** 53,
      "data.offset is 9007199254740992; use a whole number from 0 to 9007199254740991",
    ],
    [part(0, "data", "offset"), Number.MAX_SAFE_INTEGER, "rows end at byte"],
    [part(0, "data", "stride"), 63, "data.stride is 63; use a whole number from 64"],
    [part(0, "data", "stride"), Number.MAX_SAFE_INTEGER, "rows end at byte"],
    [part(0, "scales", "stride"), 1, "scales.stride is 1"],
    [part(0, "scales", "offset"), 4096, "the object has 4096"],
    [part(0, "data", "bytes"), 5, "data is an object; its 7 rows end at byte 548, and the object has 5"],
    [part(1, "scales", "bytes"), 8192, "says that shards/b.safetensors has 4096"],
    [part(1, "data", "sha256"), SHA, "says nothing for shards/a.safetensors"],
    [["modules", 0, "parts", 0, "scales"], { uri: "x" }, "rows of bf16 have no scales"],
  ])("%j = %j", (path, value, expected) => {
    expect(refusal(changed(path, value))).toContain(expected);
  });

  it("a token map where raw ids are hashed", () => {
    const { padId: _, ...rest } = config;
    const source = changed(["addressing"], { ...rest, kind: "qwen-ple", eosId: 2 });
    expect(refusal(source)).toContain("tokenMap is an object; addressing.kind qwen-ple hashes raw ids");
  });

  it.each([
    "",
    "/etc/passwd",
    "..",
    ".",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    "./a",
    "a\\b",
    "C:/a",
    "C:a",
    "file:a",
    "https://host/a",
    "//host/a",
    "s3://bucket/a",
    "data:,a",
    "%2e%2e/a",
    "a?b",
    "a#b",
    "a\0b",
    "a\nb",
    "a b",
    "a.",
    "... /a",
    "~/a\u202e",
    "\u2025/a",
    5,
    null,
    {},
  ])("the URI %j", (uri) => {
    expect(refusal(changed(["modules", 0, "parts", 0, "data", "uri"], uri))).toContain(
      "modules[0].parts[0].data.uri is",
    );
  });

  it.each(["a", "a.b", ".hidden", "..a", "a/b/c", "model-00047-of-00048.safetensors", "a_b+c=d@e,f-g"])(
    "but not the URI %j",
    (uri) => {
      expect(refusal(changed(["modules", 0, "parts", 0, "data", "uri"], uri))).toBe("nothing thrown");
    },
  );
});

describe("the sizes that just fit", () => {
  it.each([
    [1023, "nothing thrown"],
    [1024, "nothing thrown"],
    [1025, "at most 1024 characters"],
  ])("a URI of %d characters: %s", (length, expected) => {
    const uri = "a/"
      .repeat(512)
      .slice(0, length - 1)
      .padEnd(length, "a");
    expect(refusal(changed(["modules", 0, "parts", 0, "data", "uri"], uri))).toContain(expected);
  });

  it("takes an object that ends with its last row, and none that is a byte shorter", () => {
    const bytes = rowsOf(1) * 16;
    expect(refusal(changed(["modules", 0, "parts", 0, "data", "bytes"], bytes))).toBe("nothing thrown");
    expect(refusal(changed(["modules", 0, "parts", 0, "data", "bytes"], bytes - 1))).toContain("is it cut short?");
  });
});
