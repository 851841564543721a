// The doctor: it says what is here, also where much is missing, and nothing else in the command loads an engine.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TableRuns, tableRuns } from "../table-runs.js";

let runs: TableRuns;

beforeAll(async () => {
  runs = await tableRuns("doctor");
});
afterAll(() => runs.remove());

it("reports on Node, packages of stores, engines, and the choice, as JSON", async () => {
  const report = await runs.json("doctor");
  expect(report.machine).toMatchObject({ node: process.versions.node, nodeSupported: true });
  const packages = report.packages as { name: string; state: string; version?: string }[];
  expect(packages.map(({ name }) => name)).toEqual(["koffi", "lmdb", "@aws-sdk/client-s3"]);
  for (const { state, version } of packages) {
    expect(state).toBe("loads"); // all three are installed for development
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  }
  const engines = report.engines as { engine: string; devices: { name: string }[] }[];
  expect(engines.map(({ engine }) => engine)).toEqual(["ggml", "tfjs", "reference"]);
  expect(engines[2]?.devices).toHaveLength(1);
  const choice = report.choice as { engine: string; device: string };
  expect(engines.find(({ engine }) => engine === choice.engine)?.devices.map(({ name }) => name)).toContain(
    choice.device,
  );
  expect(report.memory).toMatchObject({ kernel: "wasm" });
});

it("says it in tables for people, in a process of its own", async () => {
  const { exitCode, stdout } = await runs.run("doctor"); // what drivers say on standard error is theirs
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^node {6}\d+\.\d+\.\d+, supported/);
  expect(stdout).toMatch(/\| koffi +\| loads +\| \d/);
  expect(stdout).toMatch(/\| reference \| cpu +\| cpu/);
  expect(stdout).toMatch(/--engine auto takes (ggml|tfjs|reference) on \S+: /);
});

it("no command loads an engine unless it is asked for one", () => {
  const sources = fileURLToPath(new URL("../../src", import.meta.url));
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(30);
  for (const file of files) {
    const text = readFileSync(join(sources, file), "utf8");
    expect(text, file).not.toMatch(/^(import (?!type )|export ).*"@engram-ts\/backend-gpu/m);
  }
});
