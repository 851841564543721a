// `engram train` and what follows it: from a folder of texts to a run, its loss, its text, its gates, its tables elsewhere;
// stopped and gone on with; on an engine and on the reference; and what is refused.

import { readFileSync } from "node:fs";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { referenceBackend } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGgml } from "../../../backend-gpu/src/ggml/index.js";
import { inspectEngines } from "../../../backend-gpu/src/index.js";
import { trainLoop } from "../../src/commands/train-loop.js";
import { prepareTrainRun } from "../../src/commands/train-prepare.js";
import { openTrainRun } from "../../src/commands/train-run.js";
import { type TableRuns, tableRuns } from "../table-runs.js";

const CITIES = ["Paris", "Rome", "Oslo", "Lima", "Cairo", "Delhi", "Quito", "Hanoi"];
const text = Array.from({ length: 400 }, (_, i) => {
  const city = CITIES[(i * 5 + (i >> 3)) % CITIES.length];
  return `The ${i % 2 === 0 ? "capital" : "market"} of ${city} lies by the river, and ${city} has ${i % 7} bridges.\n\n`;
});
const shape = ["--preset", "nano", "--vocab", "300", "--batch", "2", "--length", "16", "--validation", "0.1"];
const train = ["train", "texts", ...shape, "--steps", "8", "--seed", "3", "--evaluate-every", "100"];
const reference = ["--engine", "reference"];

let runs: TableRuns;
beforeAll(async () => {
  runs = await tableRuns("train");
  await mkdir(join(runs.folder, "texts"));
  for (let i = 0; i < 16; i++) {
    await writeFile(join(runs.folder, "texts", `${i}.txt`), text.slice(i * 25, i * 25 + 25).join(""));
  }
  await writeFile(join(runs.folder, "texts", "left-out.bin"), "\u0000");
});
afterAll(() => runs.remove());

const lossesOf = async (run: string): Promise<number[]> => {
  const lines = (await readFile(join(runs.folder, run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  const steps: { kind: string; loss: number }[] = lines.map((line) => JSON.parse(line));
  return steps.flatMap(({ kind, loss }) => (kind === "step" ? [loss] : []));
};

describe("engram train", () => {
  it("learns from a folder, and the same rows from LMDB give the same loss, text and gates", async () => {
    const trained = await runs.json(...train, ...reference, "--out", "run", "--tables", "lmdb:./tables");
    expect(trained).toMatchObject({ ended: "finished", step: 8 });
    const losses = await lossesOf("run");
    expect(losses).toHaveLength(8);
    expect(losses[7]).toBeLessThan((losses[0] ?? 0) - 0.5);

    const own = await runs.json("eval", "--run", "run", ...reference);
    expect(own).toMatchObject({ step: 8 });
    const { tables: _, ...elsewhere } = await runs.json(
      "eval",
      "--run",
      "run",
      ...reference,
      "--tables",
      "lmdb:./tables",
    );
    expect(elsewhere).toEqual(own);

    const generate = ["generate", "--run", "run", "--prompt", "The capital of", "--max-tokens", "6", ...reference];
    const written = await runs.json(...generate, "--temperature", "0");
    expect(written.ids).toHaveLength(6);
    expect(await runs.json(...generate, "--temperature", "0", "--tables", "lmdb:./tables")).toEqual(written);

    const passage = "The market of <Rome> & Oslo";
    const explain = ["explain", "--run", "run", "--text", passage, "--html", join(runs.folder, "gates.html")];
    const explained = await runs.json(...explain, ...reference);
    const { tokens, layers } = explained as unknown as {
      tokens: string[];
      layers: { layer: number; gates: number[][]; ngrams: { order: number; forms: string[] }[][] }[];
    };
    expect(tokens.join("")).toBe(passage);
    expect(layers.map(({ layer }) => layer)).toEqual([1]);
    expect(layers[0]?.gates.every((gates) => gates.length === 2 && gates.every((g) => g > 0 && g < 1))).toBe(true);
    expect(layers[0]?.ngrams.map((orders) => orders.map(({ order }) => order))).toEqual(tokens.map(() => [2, 3]));
    const page = await readFile(join(runs.folder, "gates.html"), "utf8");
    expect(page.match(/--g:/g)).toHaveLength(2 * tokens.length);
    expect(page).toContain("&lt;");
    expect(page).not.toMatch(/<script|https?:/);
  });

  it("stopped after a step, it goes on where it was, to the same losses", async () => {
    const backend = referenceBackend();
    const folder = join(runs.folder, "stopped");
    await runs.json(...train, ...reference, "--out", "whole");
    const config = { learningRate: 4e-3, accumulation: 1, matrices: "adamw" } as const;
    const texts = { texts: [join(runs.folder, "texts")], vocabSize: 300, validation: 0.1, seed: 3 };
    await prepareTrainRun(folder, { ...texts, preset: "nano", steps: 8, batch: { rows: 2, length: 16 }, config });
    const run = await openTrainRun(folder, backend);
    const stop = new AbortController();
    const stopped = await trainLoop(run, {
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === 3) stop.abort();
      },
    });
    await run.close();
    expect(stopped).toMatchObject({ ended: "aborted", step: 3 });
    const taken = await readFile(join(folder, "metrics.jsonl"), "utf8");
    expect(await runs.json("train", "--out", "stopped", "--resume", ...reference)).toMatchObject({ step: 8 });
    expect(await lossesOf("stopped")).toEqual(await lossesOf("whole"));
    expect((await readFile(join(folder, "metrics.jsonl"), "utf8")).startsWith(taken)).toBe(true); // not taken again
  });

  it("saves on Ctrl-C, and says how to go on", async () => {
    const { child, done } = runs.start(...train, ...reference, "--out", "interrupted", "--steps", "1000");
    child.stderr?.on("data", (said: string) => {
      if (said.includes("tokens to train on")) child.kill("SIGINT");
    });
    const { exitCode, stderr } = await done;
    expect(stderr).toMatch(/stopped after step \d+ and saved; engram train --out interrupted --resume goes on/);
    expect(exitCode).toBe(0);
    const resumed = await runs.json("train", "--out", "interrupted", "--resume", "--steps", "4", ...reference);
    expect(resumed).toMatchObject({ ended: "finished" });
  });

  it("trains on LMDB to the same losses, goes on there as it was left, and after a kill from its checkpoint", async () => {
    const store = ["--store", "lmdb", "--row-memory", "30KB", "--save-every", "2", "--evaluate-every", "4"];
    const steps = ["--steps", "6", "--validation", "0.03"];
    const whole = await runs.json(...train, ...reference, ...steps, "--out", "in-memory");
    const losses = await lossesOf("in-memory");
    const state = async () => JSON.parse(await readFile(join(runs.folder, "on-lmdb/rows/state.json"), "utf8"));

    const { child, done } = runs.start(...train, ...reference, ...steps, ...store, "--out", "on-lmdb");
    child.stderr?.on("data", (said: string) => {
      if (said.includes("step 4: held-out")) child.kill("SIGKILL");
    });
    expect((await done).exitCode).not.toBe(0);
    expect(await state()).toEqual({ open: child.pid });
    const resume = ["train", "--out", "on-lmdb", "--resume", ...reference];
    await writeFile(join(runs.folder, "on-lmdb/rows/state.json"), JSON.stringify({ open: process.pid }));
    expect((await runs.refused(...resume)).message).toMatch(/open in process \d+; wait until it has ended/);
    await writeFile(join(runs.folder, "on-lmdb/rows/state.json"), JSON.stringify({ open: child.pid }));
    const resumed = await runs.json(...resume, "--tables", "lmdb:./from-lmdb");
    expect(resumed).toEqual({ ...whole, run: "on-lmdb" });
    expect(await lossesOf("on-lmdb")).toEqual(losses);
    expect(await state()).toEqual({ step: 6 });

    const written = (await stat(join(runs.folder, "on-lmdb/rows/layer-1/data.mdb"))).mtimeMs;
    const evaluate = ["eval", "--run", "on-lmdb", "--tables", "lmdb:./from-lmdb", ...reference];
    expect(await runs.json(...evaluate)).toMatchObject(whole.evaluation as object);
    expect((await stat(join(runs.folder, "on-lmdb/rows/layer-1/data.mdb"))).mtimeMs).toBe(written); // nothing was
    expect(await state()).toEqual({ step: 6 });
  });

  it("keeps a table on LMDB out of the process's memory", async () => {
    if (process.platform !== "linux")
      return console.warn("memory of a process is read on Linux alone: it is not compared");
    await runs.json(...train, ...reference, "--steps", "1", "--validation", "0.03", "--out", "large");
    const path = join(runs.folder, "large", "run.json");
    const record = JSON.parse(await readFile(path, "utf8"));
    record.spec.memory.addressing.tableSizes = [300_000, 300_000]; // 2.4 million rows of 64 bytes
    const anonymousBytes = async (store: string): Promise<number> => {
      await rm(join(runs.folder, "large", "checkpoints"), { recursive: true });
      await writeFile(path, JSON.stringify({ ...record, store }));
      const { child, done } = runs.start("train", "--out", "large", "--resume", "--steps", "3", ...reference);
      let bytes = 0;
      child.stderr?.on("data", (said: string) => {
        if (!said.includes("step 3/3")) return;
        const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
        bytes = 1024 * Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]);
      });
      const { exitCode, stderr } = await done;
      expect(exitCode, stderr).toBe(0);
      return bytes;
    };
    const [inMemory, onLmdb] = [await anonymousBytes("dram"), await anonymousBytes("lmdb")];
    expect(inMemory).toBeGreaterThan(2.4e6 * 64);
    expect(onLmdb).toBeLessThan(inMemory - 2.4e6 * 32);
  });

  it("gives on ggml the losses of the reference", async () => {
    const there = (await inspectEngines()).some(({ engine, devices }) => engine === "ggml" && devices.length > 0);
    if (!there) return console.warn("ggml is not installed: its training is not compared");
    const backend = await openGgml({ device: "CPU", threads: 1 });
    const folder = join(runs.folder, "whole");
    const run = await openTrainRun(folder, backend, { fresh: true });
    const losses: number[] = [];
    for (let i = 0; i < 8; i++) losses.push((await run.trainer.takeStep()).loss);
    await run.close();
    await backend.close();
    const expected = await lossesOf("whole");
    for (const [step, loss] of expected.entries()) expect(losses[step]).toBeCloseTo(loss, 2);
    expect(losses[0]).toBeCloseTo(expected[0] ?? 0, 4);
  });

  it("refuses what it cannot do, and leaves runs that are there", async () => {
    await mkdir(join(runs.folder, "empty"), { recursive: true });
    const refused = async (...args: string[]) => (await runs.refused(...args, ...reference)).message;
    expect(await refused(...train, "--out", "run")).toMatch(/run is a run already; give --resume/);
    expect(await refused("train", "--out", "none", "--resume")).toMatch(/no run in none/);
    expect(await refused("train", "--out", "none")).toMatch(/no text is named/);
    expect(await refused("train", "empty", "--out", "none")).toMatch(/no text in empty/);
    expect(await refused("train", "texts/left-out.bin", "--out", "none")).toMatch(/not text in UTF-8/);
    expect(await refused(...train, "--out", "none", "--preset", "large")).toMatch(/--preset is large; use one of nano/);
    expect(await refused("train", "texts", "--out", "none", "--steps", "1", "--minutes", "1")).toMatch(/either/);
    expect(await refused("generate", "--run", "run", "--prompt", "a", "--preset", "tiny")).toMatch(
      /leave out --preset/,
    );
    expect(await refused("explain", "--html", "x.html", "a")).toMatch(/give --run/);
    expect(await refused("explain", "--run", "run", "a ".repeat(600))).toMatch(/the model sees 512/);
    await writeFile(join(runs.folder, "empty", "run.json"), '{"format":"engram-ts run","version":1}');
    expect(await refused("eval", "--run", "empty")).toMatch(/no record of a run/);
  });
});
