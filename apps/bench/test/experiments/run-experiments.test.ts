// Experiments as people run them, in miniature: corpora of npm packages, every cell of every experiment, a run that is killed and
// goes on, a cell that comes out the same again, figures and verdicts drawn from what is stored.

import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EXPERIMENTS } from "../../src/experiments/all-experiments.js";
import { readResults } from "../../src/experiments/running/results-file.js";

const program = fileURLToPath(new URL("../../bin/engram-bench.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "engram-experiments-"));
const corpora = join(folder, "corpora");
const common = ["--corpora", corpora, "--scale", "miniature", "--engine", "ggml:device=CPU,threads=1"];
const experiment = (...args: string[]) =>
  spawnSync(process.execPath, [program, "experiment", ...args], { encoding: "utf8", cwd: folder });
const lines = (name: string) =>
  readFileSync(join(folder, name, "cells.jsonl"), "utf8")
    .trimEnd()
    .split("\n");

beforeAll(() => {
  const sizes = ["--vocabulary", "512", "--characters", "200k"];
  const { status, stderr } = experiment("prepare", "--texts", "npm", ...sizes, "--out", corpora);
  expect(status, stderr).toBe(0);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

test("every cell of every experiment runs; reports, verdicts and figures come of them", () => {
  const { status, stdout, stderr } = experiment("all", ...common, "--out", "all", "--jobs", "2");
  expect(status, stdout + stderr).toBe(0);
  const results = [...readResults(join(folder, "all")).values()];
  expect(stdout).toContain(`${results.length} cells in`);
  expect(stdout).toContain("0 left, 0 of them failed");
  for (const { name, title } of EXPERIMENTS) {
    const own = results.filter(({ cell }) => cell.experiment === name);
    expect(own.length, name).toBeGreaterThan(3);
    expect(new Set(own.map(({ cell }) => cell.seed)).size, name).toBe(2);
    expect(stdout).toMatch(new RegExp(`^${name}: (reproduced|not reproduced|not decided)\\. `, "m"));
    expect(readdirSync(join(folder, "all")).some((file) => file.startsWith(name) && file.endsWith(".svg"))).toBe(true);
    for (const report of ["report.md", "report.html"]) {
      expect(readFileSync(join(folder, "all", report), "utf8")).toContain(title);
    }
  }
  for (const { heldOut, epochs, tokens, cell } of results) {
    expect(heldOut.loss, cell.id).toBeLessThan(8); // of 6.24 for guessing among all
    expect(heldOut.loss, cell.id).toBeGreaterThan(3);
    expect(epochs).toBeLessThan(1);
    expect(tokens).toBe(cell.config.steps * cell.batch.rows * cell.batch.length);
  }
  const again = experiment("all", ...common, "--out", "all");
  expect(again.stdout).toContain("0 to run");
}, 180_000);

test("a run that is killed goes on from the cells that are there, and a line that was cut short is run again", async () => {
  const child = spawn(process.execPath, [program, "experiment", "memory-scaling", ...common, "--out", "killed"], {
    cwd: folder,
  });
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (text: Buffer) => /^2\//m.test(text.toString()) && child.kill("SIGKILL"));
    child.once("close", () => resolve());
  });
  const before = lines("killed");
  expect(before.length).toBeGreaterThanOrEqual(2);
  const [first = "", second = ""] = before;
  writeFileSync(join(folder, "killed/cells.jsonl"), `${first}\n${second.slice(0, second.length / 2)}`);
  const { status, stdout } = experiment("memory-scaling", ...common, "--out", "killed", "--seeds", "1");
  expect(status).toBe(0);
  expect(stdout).toContain("4 cells: 1 are there, 3 to run");
  expect(lines("killed")[0]).toBe(first);
  // the one that was cut comes out as it was, and as in the run of all
  const [cut, anew, all] = [
    JSON.parse(second),
    JSON.parse(lines("killed")[2] ?? "{}"),
    readResults(join(folder, "all")),
  ];
  expect(anew.cell).toEqual(cut.cell);
  expect(anew.heldOut).toEqual(cut.heldOut);
  expect(anew.curve).toEqual(cut.curve);
  expect(all.get(cut.cell.id)?.heldOut).toEqual(cut.heldOut);
}, 120_000);

test("a stored result of another cell is stale, and no cell is begun without time", () => {
  mkdirSync(join(folder, "stale"));
  for (const result of readResults(join(folder, "all")).values()) {
    if (result.cell.experiment !== "memory-scaling") continue;
    appendFileSync(join(folder, "stale/cells.jsonl"), `${JSON.stringify({ ...result, digest: "another" })}\n`);
  }
  const { status, stdout } = experiment("memory-scaling", ...common, "--out", "stale", "--seconds", "0.001");
  expect(status).toBe(0);
  expect(stdout).toContain("8 cells: 0 are there, 8 to run");
  expect(stdout).toContain("0 cells in 0 s; 8 left");
}, 60_000);

test.each([
  ["an experiment that is not there", ["alchemy"], 1],
  ["corpora that are not there", ["allocation", "--corpora", "nowhere"], 1],
  ["a list of workers that is none", ["allocation", "--corpora", corpora, "--workers", "many x ggml"], 1],
  [
    "an engine that is not there",
    ["allocation", "--corpora", corpora, "--scale", "miniature", "--engine", "abacus"],
    1,
  ],
  ["a scale that is not there", ["allocation", "--scale", "huge"], 2],
])(
  "%s is told in a line",
  (_, args, status) => {
    const result = experiment(...args);
    expect(result.status, result.stderr).toBe(status);
    expect(result.stderr).not.toContain("defect of this program");
    expect(result.stderr.length).toBeGreaterThan(20);
  },
  30_000,
);
