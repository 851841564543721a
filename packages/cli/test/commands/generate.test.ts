// Text from random models: the same on every tier, from the same seed; other seeds and models give others.

import { type FakeS3, fakeS3 } from "@engram-ts/store-kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TableRuns, tableRuns } from "../table-runs.js";

let runs: TableRuns;
let s3: FakeS3;
const saved = new Map<string, string | undefined>();

beforeAll(async () => {
  s3 = await fakeS3({ seed: 1 });
  const env = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
  };
  for (const [name, value] of Object.entries(env)) {
    saved.set(name, process.env[name]);
    process.env[name] = value;
  }
  runs = await tableRuns("generate", env);
});

afterAll(async () => {
  for (const [name, value] of saved) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await s3.close();
  await runs.remove();
});

const command = ["generate", "--prompt", "Only Alexander the Great", "--max-tokens", "12"];
const small = [...command, "--preset", "tiny-gqa-dense"];

describe("engram generate", () => {
  it("gives the same text with rows in memory, files, LMDB, an object store, and a stack of them", async () => {
    const inMemory = await runs.json(...small, "--seed", "1");
    expect(inMemory.ids).toHaveLength(12);
    for (const uri of [
      "file:./t",
      "lmdb:./l",
      "s3://tables/t",
      "file:./t",
      "dram > file:./t",
      "dram(64KiB) > s3://tables/t",
    ]) {
      expect(await runs.json(...small, "--seed", "1", "--tables", uri), uri).toEqual(inMemory);
    }
    expect((await runs.json(...small, "--seed", "2")).ids).not.toEqual(inMemory.ids);
    // the tables count: those of another seed give another text
    await runs.json(...small, "--seed", "2", "--tables", "file:./other");
    expect((await runs.json(...small, "--seed", "1", "--tables", "file:./other")).ids).not.toEqual(inMemory.ids);
  });

  it("takes text through the tokenizer and the token map, and streams it", async () => {
    const { exitCode, stdout, stderr } = await runs.run(
      ...["generate", "--preset", "tiny", "--prompt", "Tirana is", "--seed", "1", "--max-tokens", "3"],
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^Tirana is.+\n$/su);
  });

  it("refuses tables of another model, models that are too large, and nothing to begin with", async () => {
    await runs.json(...small, "--tables", "file:./gqa");
    const other = await runs.refused(...command, "--preset", "tiny-qwen-ple", "--tables", "file:./gqa");
    expect(other).toMatchObject({ code: "manifest-mismatch" });
    expect(other.message).toContain("the tables at file:./gqa are of another model: their addressing differs");
    const large = await runs.refused(...command, "--preset", "engram-27b");
    expect(large.message).toContain('--preset is "engram-27b"; the exact engine runs small models: tiny, tiny-mla-moe');
    expect((await runs.refused(...command)).message).toContain("give either --preset NAME or --spec FILE");
    const empty = await runs.refused("generate", "--preset", "tiny-gqa-dense", "--prompt", "");
    expect(empty.message).toContain("the prompt has no tokens");
  });
});
