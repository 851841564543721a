// `engram ids` as a process: golden rows, files, dead positions, chunks, and what it says to wrong input.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root, runEngram } from "../run-engram.js";

interface GoldenCase {
  kind: string;
  layer: number;
  ids: number[];
  dead?: number[];
  rows: number[][];
  multipliers: string[];
  primes: number[][];
}

const V41 = "examples/addressing/deepseek-v4.1.json";
const DEMO = "examples/addressing/engram-demo.json";
let folder: string;
let golden: GoldenCase[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-ids-"));
  golden = JSON.parse(await readFile(join(root, "packages/core/test/fixtures/hash-vectors.json"), "utf8"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const codeOf = (stderr: string): string => JSON.parse(stderr).error.code;

describe("engram ids", () => {
  it("gives the golden rows, multipliers and primes of V4.1, dead positions aside", async () => {
    const wanted = golden.filter((one) => one.kind === "deepseek-v4.1");
    expect(wanted.length).toBe(2);
    for (const one of wanted) {
      const args = ["--layer", String(one.layer), "--tokens", one.ids.join(","), "--dead", (one.dead ?? []).join(",")];
      const { stdout, exitCode } = await runEngram("ids", "--config", V41, ...args, "--json");
      expect(exitCode).toBe(0);
      const found: GoldenCase = JSON.parse(stdout);
      const alive = (_: unknown, position: number) => !one.dead?.includes(position);
      expect(found.rows.filter(alive)).toEqual(one.rows.filter(alive));
      expect(found.rows.length).toBe(one.ids.length);
      expect(found.multipliers).toEqual(one.multipliers);
      expect(found.primes).toEqual(one.primes);
    }
  });

  it("reads tokens from a file, in chunks that know their history, as text or as JSON", async () => {
    const ids = Array.from({ length: 9000 }, (_, index) => (index * 7919) % 98_627);
    const file = join(folder, "tokens.json");
    await writeFile(file, JSON.stringify(ids));
    const whole = await runEngram("ids", "--config", DEMO, "--layer", "15", "--tokens-file", file, "--json");
    const { rows } = JSON.parse(whole.stdout) as GoldenCase;
    expect(rows.length).toBe(ids.length);
    // the same three tokens around a chunk's end, by themselves: their last position has the same context
    const part = await runEngram(
      "ids",
      "--config",
      DEMO,
      "--layer",
      "15",
      "--tokens",
      ids.slice(4094, 4097).join(" "),
      "--json",
    );
    expect(rows[4096]).toEqual((JSON.parse(part.stdout) as GoldenCase).rows[2]);
    const text = await runEngram("ids", "--config", DEMO, "--layer", "15", "--tokens", ids.slice(0, 2).join(","));
    expect(text.stdout).toBe(
      `${rows
        .slice(0, 2)
        .map((row) => row.join(" "))
        .join("\n")}\n`,
    );
  });

  it("names a bad token by its place in the whole sequence, however long", async () => {
    const file = join(folder, "bad.txt");
    await writeFile(file, `${"7 ".repeat(9000)}98627`);
    const { stdout, stderr } = await runEngram(
      "ids",
      "--config",
      DEMO,
      "--layer",
      "1",
      "--tokens-file",
      file,
      "--json",
    );
    expect(stdout).toBe("");
    expect(JSON.parse(stderr).error.context).toMatchObject({ index: 9000 });
  });

  it("gives no rows for no tokens", async () => {
    const { stdout } = await runEngram("ids", "--config", DEMO, "--layer", "1", "--tokens", "", "--json");
    expect((JSON.parse(stdout) as GoldenCase).rows).toEqual([]);
  });

  it.each([
    ["a layer without a table", ["--layer", "2", "--tokens", "1"], "invalid-argument"],
    ["a token out of range", ["--layer", "1", "--tokens", "98627"], "token-out-of-range"],
    ["a token that is no number", ["--layer", "1", "--tokens", "1,x"], "invalid-argument"],
    ["a negative token", ["--layer", "1", "--tokens=-100"], "invalid-argument"],
    ["a token above 32 bits", ["--layer", "1", "--tokens", "4294967296"], "invalid-argument"],
    ["no tokens given", ["--layer", "1"], "invalid-argument"],
    ["tokens given twice", ["--layer", "1", "--tokens", "1", "--tokens-file", "x"], "invalid-argument"],
    ["a missing file", ["--layer", "1", "--tokens-file", "no-such-file"], "not-found"],
    ["dead positions where there are none", ["--layer", "1", "--tokens", "1", "--dead", "0"], "invalid-argument"],
  ])("refuses %s", async (_name, args, code) => {
    const { exitCode, stdout, stderr } = await runEngram("ids", "--config", DEMO, ...args, "--json");
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    expect(codeOf(stderr)).toBe(code);
  });

  it("refuses a config that is none, and names the field", async () => {
    const file = join(folder, "config.json");
    await writeFile(file, JSON.stringify({ kind: "engram", vocabSize: 10 }));
    const { exitCode, stderr } = await runEngram("ids", "--config", file, "--layer", "1", "--tokens", "1");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("seed is missing");
    await writeFile(file, "{");
    expect(codeOf((await runEngram("ids", "--config", file, "--layer", "1", "--tokens", "1", "--json")).stderr)).toBe(
      "invalid-argument",
    );
  });

  it("leaves with 2 on wrong use, and shows help", async () => {
    expect((await runEngram("ids", "--layer", "1")).exitCode).toBe(2);
    expect((await runEngram("ids", "--layer", "one", "--config", DEMO)).exitCode).toBe(2);
    expect((await runEngram("no-such-command")).exitCode).toBe(2);
    const help = await runEngram("ids", "--help");
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toContain("--tokens-file");
    expect((await runEngram("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
