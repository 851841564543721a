// `engram explain` as a process: what it shows agrees with `engram ids` on the same tokens.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runEngram } from "../run-engram.js";

interface Explained {
  tokens: {
    text: string;
    compressed: number;
    form: string;
    ngrams: { order: number; forms: string[]; rows: number[] }[];
  }[];
  distinctNgrams: Record<string, number>;
  collisions: { order: number; head: number; row: number; ngrams: string[][] }[];
}

const TEXT = "The capital of Albania is Tirana. THE CAPITAL of Albania";

describe("engram explain", () => {
  it("shows texts, shared forms, n-grams oldest first and the rows that engram ids gives", async () => {
    const run = await runEngram("explain", TEXT, "--json");
    expect(run.stderr).toBe("");
    const { tokens, distinctNgrams, collisions }: Explained = JSON.parse(run.stdout);
    expect(tokens.map((token) => token.text).join("")).toBe(TEXT);
    const [first] = tokens;
    expect(first).toMatchObject({ text: "The", form: "the" });
    const ids = tokens.map((token) => token.compressed).join(",");
    const config = ["--config", "examples/addressing/engram-demo.json", "--layer", "1"];
    const { rows } = JSON.parse((await runEngram("ids", ...config, "--tokens", ids, "--json")).stdout);
    expect(tokens.map((token) => token.ngrams.flatMap((ngram) => ngram.rows))).toEqual(rows);
    const albania = tokens.find((token) => token.form === "albania");
    expect(albania?.ngrams.map((ngram) => ngram.forms)).toEqual([
      ["of", "albania"],
      ["capital", "of", "albania"],
    ]);
    // "the capital of albania" comes twice, so orders 2 and 3 each have fewer n-grams than tokens
    expect(distinctNgrams["2"]).toBeLessThan(tokens.length);
    expect(collisions).toEqual([]);
  });

  it("finds n-grams that share a row where heads are small", async () => {
    const folder = await mkdtemp(join(tmpdir(), "engram-explain-"));
    try {
      const config = join(folder, "small.json");
      const small = {
        kind: "engram",
        vocabSize: 98_627,
        seed: 0,
        layers: [0],
        tableSizes: [11, 13],
        headsPerOrder: 2,
        padId: 2,
      };
      await writeFile(config, JSON.stringify(small));
      const { tokens, collisions }: Explained = JSON.parse(
        (await runEngram("explain", TEXT, "--config", config, "--json")).stdout,
      );
      expect(collisions.length).toBeGreaterThan(0);
      for (const { order, head, row, ngrams } of collisions) {
        expect(ngrams.length).toBeGreaterThan(1);
        for (const forms of ngrams) {
          const owners = tokens.flatMap((token) => token.ngrams).filter((ngram) => ngram.forms.join() === forms.join());
          expect(owners.some((ngram) => ngram.order === order && ngram.rows[head] === row)).toBe(true);
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("refuses a table that was not hashed with this tokenizer", async () => {
    const run = await runEngram("explain", "x", "--config", "examples/addressing/deepseek-v4.1.json", "--json");
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stderr).error).toMatchObject({
      code: "invalid-config",
      context: { compressed: 98_627, vocabSize: 99_092 },
    });
  });

  it("shows control characters escaped, so that a text cannot drive the terminal", async () => {
    const { stdout } = await runEngram("explain", "a\u001b[31mb|c");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("\\u001b");
  });
});
