// The suite passes on a right store in every mode, and fails on each broken one: the proof that its cases can fail.

import { describe, expect, expectTypeOf, it, test } from "vitest";
import {
  type ConformanceFailure,
  type ConformanceTarget,
  runConformance,
  storeConformance,
  summaryLine,
  type TestRunner,
} from "../src/index.js";
import { FAULTS, type Fault, type ModelStoreOptions, modelStore } from "./model-store.js";

const target = (name: string, options: ModelStoreOptions): ConformanceTarget => ({
  name,
  open: (table, rows) => Promise.resolve(modelStore(table, rows, options)),
});

runConformance(
  { describe, test },
  [
    target("model", {}),
    target("model, asynchronous", { asynchronous: true, maxBatch: 64 }),
    target("model, read-only", { readOnly: true, maxBatch: 2 ** 25 }),
  ],
  { required: ["model", "model, asynchronous", "model, read-only"] },
);

/** The names of the cases that fail on a store. */
async function failures(of: ConformanceTarget): Promise<string[]> {
  const failed: string[] = [];
  for (const { trait, name, run } of storeConformance(of)) {
    await run().catch(() => failed.push(`${trait}: ${name}`));
  }
  return failed;
}

/** Faults of stores that say they are read-only. */
const READ_ONLY_FAULTS: readonly Fault[] = ["says writable without begin", "is read-only and begins all the same"];

describe("the suite catches a store that", () => {
  it.each(Object.entries(FAULTS) as [Fault, string][])("%s (%s)", async (fault, trait) => {
    const readOnly = READ_ONLY_FAULTS.includes(fault);
    const failed = await failures(target(fault, { fault, readOnly, maxBatch: 64 }));
    expect(failed.map((name) => name.split(":")[0])).toContain(trait);
  });
});

describe("storeConformance", () => {
  it("counts refusals for what a store disclaims, and only for that", async () => {
    const outcomes = async (options: ModelStoreOptions) => {
      const cases = storeConformance(target("model", options));
      const skipped = [];
      for (const each of cases) {
        const outcome = await each.run();
        if (outcome !== "ran") skipped.push(`${each.trait}: ${outcome}`);
      }
      return skipped;
    };
    expect(await outcomes({})).toEqual(["durable: disclaimed"]);
    expect(await outcomes({ asynchronous: true })).toEqual(["readiness: refusal-proved", "durable: disclaimed"]);
    const readOnly = await outcomes({ readOnly: true });
    const refused = ["aliasing", "closed", "transactions"].map((trait) => `${trait}: refusal-proved`);
    expect(new Set(readOnly)).toEqual(new Set([...refused, "durable: disclaimed"]));
  });

  it("says why a case is skipped, from the capabilities alone", () => {
    const readOnly = { maxBatch: 64, resident: true, writable: false, durable: false };
    const cases = storeConformance(target("model", {})).filter(({ needs }) => needs?.(readOnly) !== undefined);
    const transactions = cases.filter(({ trait }) => trait === "transactions");
    expect(transactions.length).toBeGreaterThan(10);
    for (const { needs } of transactions) expect(needs?.(readOnly)).toBe("the store is read-only");
  });

  it("closes the store of a case that fails", async () => {
    let closed = 0;
    const broken: ConformanceTarget = {
      name: "broken",
      open: (table, rows) => {
        const store = modelStore(table, rows, { fault: "sorts the row ids" });
        return Promise.resolve({ ...store, close: () => store.close().finally(() => closed++) });
      },
    };
    const failing = storeConformance(broken).find(({ name }) => name.startsWith("duplicates"));
    await expect(failing?.run()).rejects.toThrow(/row 0 of the batch, byte 0: expected \d+, found \d+/);
    expect(closed).toBe(1);
  });
});

describe("runConformance", () => {
  it("takes the runner of Node as it is", () => {
    expectTypeOf<Pick<typeof import("node:test"), "describe" | "test">>().toExtend<TestRunner>();
  });

  const collect = () => {
    const tests: [string, () => Promise<void>][] = [];
    const runner = {
      describe: (_: string, body: () => void) => body(),
      test: (name: string, run: () => Promise<void>) => tests.push([name, run]),
    };
    return { tests, runner };
  };

  it("prints a summary that counts what ran, what was refused and what failed", async () => {
    const { tests, runner } = collect();
    const lines: string[] = [];
    const fault = "decodes the rows in reverse";
    runConformance(runner, [target("broken", { fault })], { print: (line) => lines.push(line) });
    let failed = 0;
    for (const [, run] of tests) await run().catch(() => failed++);
    expect(failed).toBeGreaterThan(0);
    expect(lines).toEqual([
      `broken: ${tests.length - 2 - failed} cases ran, 0 refusals proved, 1 disclaimed, ${failed} FAILED`,
    ]);
  });

  it("fails where no case ran, where a required target is missing, and where none is given", async () => {
    const { tests, runner } = collect();
    runConformance(runner, [target("idle", {})], { print: () => {} });
    const summary = tests.at(-1);
    await expect(summary?.[1]()).rejects.toThrow(/no case of \d+ ran on idle/);
    const wrong: [readonly ConformanceTarget[], readonly string[]][] = [
      [[target("a", {})], ["a", "b"]],
      [[], []],
      [[target("a", {}), target("a", {})], []],
    ];
    for (const [targets, required] of wrong) {
      expect(() => runConformance(runner, targets, { required })).toThrow(
        expect.objectContaining<Partial<ConformanceFailure>>({ name: "ConformanceFailure" }),
      );
    }
  });

  it("tells of cases that were not started", () => {
    const report = { target: "s3", cases: 9, ran: 4, refusalsProved: 1, disclaimed: 1, failed: 1 };
    expect(summaryLine(report)).toBe("s3: 4 cases ran, 1 refusal proved, 1 disclaimed, 1 FAILED, 2 not started");
  });
});
