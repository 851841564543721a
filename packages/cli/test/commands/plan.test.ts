// `engram plan` as a process: the published totals in its text, the whole plan in its JSON, files, budgets, machines, and
// exit codes.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPreset, planModel, shortModelSpec } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { runEngram } from "../run-engram.js";

describe("engram plan", () => {
  it("prints the published totals of engram-27b", async () => {
    const { stdout, stderr, exitCode } = await runEngram("plan", "engram-27b");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toMatch(/^\| all +\| 26,718,493,455 \| +26\.72B \| +3,832,405,135 \| +3\.83B \|$/m);
    expect(stdout).toMatch(/^\| engram tables +\| +5,792,338,560 \| +5\.79B \| +2,560 \| +2\.56K \|$/m);
    expect(stdout).toContain("rho 74.3 %; of 22.56B parameters");
    expect(stdout).toContain("Each token reads 32 rows of 160 bytes, 5,120 bytes (16 rows a table)");
    expect(stdout).toMatch(/^\| 1 +\| 5\.4 GiB \| .* \| ram +\|/m);
    expect(stdout).toMatch(/^\| 14 +\| 5\.4 GiB \| .* \| disk +\|/m);
  });

  it("prints the published totals of engram-40b", async () => {
    const { stdout } = await runEngram("plan", "engram-40b");
    expect(stdout).toMatch(/^\| all +\| 39,460,466,255 \| +39\.46B \| .* 3\.83B \|$/m);
    expect(stdout).toContain("18,534,311,360 (18.53B)");
  });

  it("prints the rows of published tables, and places them where their model's speed is given", async () => {
    const deepseek = await runEngram("plan", "deepseek-v4.1-flash", "--blocks", "40", "--tokens-per-second", "50");
    expect(deepseek.stdout).toMatch(/^\| 1 +\| 384,006,168 \|/m);
    expect(deepseek.stdout).toMatch(/^\| 14 +\| 384,016,682 \|/m);
    expect(deepseek.stdout).toContain("48 rows of 264 bytes, 12,672 bytes");
    expect(deepseek.stdout).toMatch(/^\| 14 +\| 94\.4 GiB \| +7\.0 ms \| disk/m);
    const qwen = await runEngram("plan", "qwen3.8-flash-next");
    expect(qwen.stdout).toMatch(/320,001,536[\s\S]*Not placed: give --blocks and --tokens-per-second/);
  });

  it("gives what core gives as JSON, of a preset and of a file in the short form", async () => {
    const spec = modelPreset("tiny-mla-moe");
    const expected = JSON.parse(JSON.stringify({ model: shortModelSpec(spec), plan: planModel(spec) }));
    const folder = await mkdtemp(join(tmpdir(), "engram-plan-"));
    try {
      const file = join(folder, "model.json");
      await writeFile(file, JSON.stringify(shortModelSpec(spec)));
      for (const model of ["tiny-mla-moe", file, "examples/models/tiny-mla-moe.json"]) {
        const run = await runEngram("plan", model, "--json");
        // tiny models leave no time for anything but the device
        expect({ ...run, stdout: "" }).toMatchObject({ exitCode: 0, stderr: "" });
        expect(JSON.parse(run.stdout)).toEqual(expected);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("sizes experts and tables for a budget", async () => {
    const run = await runEngram("plan", "engram-27b", "--budget", "40B/5B", "--rho", "0.75", "--json");
    const { model, plan } = JSON.parse(run.stdout);
    expect(plan.parameters.total / 40e9).toBeCloseTo(1, 3);
    expect(plan.parameters.activated / 5e9).toBeCloseTo(1, 1);
    expect(plan.parameters.rho).toBeCloseTo(0.75, 2);
    expect(model.feedForward).toMatchObject({ kind: "moe", topK: 9 });
  });

  it("prints the plan, then fails, where the machine cannot take the model", async () => {
    const machine = ["--gpu", "40GiB", "--ram", "0", "--disk", "1TB", "--no-object-store"];
    const run = await runEngram("plan", "engram-40b", ...machine);
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toMatch(/^\| 1 +\| 17\.3 GiB \| .* \| none \|.*no tier will do: disk takes/m);
    expect(run.stderr).toMatch(/the table of block 1 has no place: .*\[no-placement\]/);
    const json = await runEngram("plan", "engram-40b", ...machine, "--json");
    expect(JSON.parse(json.stdout).plan.placement.problems).toHaveLength(1);
    expect(JSON.parse(json.stderr).error.code).toBe("no-placement");
  });

  it("takes the machine's and the workload's numbers", async () => {
    const run = await runEngram(
      ...["plan", "engram-27b", "--sequences", "8", "--context", "100", "--prefill", "200", "--ram", "1TiB"],
      ...["--prefill-wait-ms", "1", "--tokens-per-second", "20", "--json"],
    );
    const { plan } = JSON.parse(run.stdout);
    expect(plan.workload).toMatchObject({ sequences: 8, contextTokens: 100, prefillTokens: 200 });
    expect(plan.placement.decodeStepSeconds).toBeCloseTo(0.05);
    expect(plan.placement.tables.map((table: { tier: string }) => table.tier)).toEqual(["ram", "ram"]);
  });

  it.each([
    ["a file that is not there", ["engram-28b"], 1, "not-found"],
    ["a budget without a model", ["qwen3.8-flash-next", "--budget", "5B"], 1, "name a model"],
    ["a rho without a budget", ["engram-27b", "--rho", "0.5"], 1, "add --budget"],
    ["blocks of a model", ["engram-27b", "--blocks", "30"], 1, "leave it out"],
    ["a budget that is none", ["engram-27b", "--budget", "many"], 2, "26.7B"],
    ["three budgets", ["engram-27b", "--budget", "3B/2B/1B"], 2, "at most two"],
    ["a size that is none", ["engram-27b", "--ram", "much"], 2, "80GiB"],
    ["a number that is none", ["engram-27b", "--sequences", ""], 2, "use a number"],
    ["a number out of range", ["engram-27b", "--sequences", "0"], 1, "sequences is 0"],
    ["an addressing for a model", ["examples/addressing/engram-demo.json"], 1, "vocabSize is 98627|width is missing"],
  ])("refuses %s", async (_what, args, exitCode, message) => {
    const run = await runEngram("plan", ...args);
    expect(run.exitCode).toBe(exitCode);
    expect(run.stderr).toMatch(new RegExp(message));
    expect(run.stdout).toBe("");
  });
});
