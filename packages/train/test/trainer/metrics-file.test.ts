// Lines of metrics: appended, dropped where a resumed run takes their steps again, mended after a crash. And the line for
// people, and the clock.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isEngramError } from "@engram-ts/core";
import { afterAll, describe, expect, it } from "vitest";
import { metricsFile } from "../../src/trainer/metrics-file.js";
import { stepClock } from "../../src/trainer/step-clock.js";
import { progressLine } from "../../src/trainer/step-metrics.js";

const folder = mkdtempSync(join(tmpdir(), "engram-metrics-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("metricsFile", () => {
  it("keeps what a resumed run does not take again", async () => {
    const path = join(folder, "run", "metrics.jsonl");
    const first = await metricsFile(path, { step: 0 });
    for (const step of [1, 2, 3]) await first.write({ step, loss: 4 - step } as { step: number });
    await first.write({ step: 2, kind: "evaluation" });
    writeFileSync(path, `${readFileSync(path, "utf8")}{"step":1,"lo`);
    const second = await metricsFile(path, { step: 2 });
    await second.write({ step: 3 });
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { kind: "step", step: 1, loss: 3 },
      { kind: "step", step: 2, loss: 2 },
      { kind: "evaluation", step: 2 },
      { kind: "step", step: 3 },
    ]);
  });

  it("says where it cannot write", async () => {
    writeFileSync(join(folder, "file"), "");
    const error = await metricsFile(join(folder, "file", "metrics.jsonl"), { step: 0 }).catch((one: unknown) => one);
    expect(isEngramError(error), String(error)).toBe(true);
  });
});

it("a line for people says how far, how good, how fast, how long", () => {
  const seconds = { ...stepClock(() => 0).seconds() };
  const metrics = {
    step: 12,
    steps: 48,
    loss: 3.25049,
    gradientNorm: 0.5,
    learningRate: 4e-4,
    tokens: 1,
    rows: 1,
    imbalance: 1,
  };
  expect(progressLine({ ...metrics, seconds, tokensPerSecond: 3980.4, secondsLeft: 3725 })).toBe(
    "step 12/48 (25 %)  loss 3.2505  norm 0.500  rate 4.00e-4  3,980 tokens/s  1:02:05 left",
  );
});

it("a clock's phases sum to the step", () => {
  let now = 1000;
  const clock = stepClock(() => now);
  now += 5;
  clock.enter("rows");
  now += 20;
  clock.enter("graph");
  now += 100;
  clock.hide(0.03);
  clock.enter("rows");
  now += 1;
  expect(clock.seconds()).toEqual({
    data: 0.005,
    rows: 0.021,
    upload: 0,
    record: 0,
    graph: 0.1,
    rowUpdate: 0,
    hidden: 0.03,
    total: 0.126,
  });
});
