// The model property holds for a right store, and finds the broken ones, with a seed to replay.

import { tableInfo } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { type ConformanceTarget, storeModelProperty } from "../src/index.js";
import { type Fault, type ModelStoreOptions, modelStore } from "./model-store.js";

const target = (options: ModelStoreOptions): ConformanceTarget => ({
  name: "model",
  open: (table, rows) => Promise.resolve(modelStore(table, rows, options)),
});

const FOUND: readonly Fault[] = [
  "gathers duplicates once",
  "keeps the caller's row ids",
  "wrong row for the last id",
  "reads rows at gather time",
  "one buffer for all tickets",
  "shows staged rows before commit",
  "first put wins",
  "keeps the caller's rows in put",
  "abort keeps what was staged",
  "commit forgets the last row",
  "put after commit is silent",
  "allows two transactions",
  "prefetch after close",
  "tickets outlive close",
  "gathers after release",
  "second release counts again",
  "decodes the rows in reverse",
];

describe("storeModelProperty", () => {
  it.each([{}, { asynchronous: true }, { readOnly: true }])("holds for the model store, %o", async (options) => {
    await storeModelProperty(target(options), { runs: 150 });
  });

  it("holds for other tables", async () => {
    const one = tableInfo({ rows: 1, encoding: { kind: "f32", width: 1 } });
    await storeModelProperty(target({}), { runs: 40, table: one });
    const scaled = tableInfo({ rows: 12, encoding: { kind: "int8", width: 5 } });
    await storeModelProperty(target({ asynchronous: true }), { runs: 40, table: scaled });
  });

  it.each(FOUND)("finds a store that: %s", async (fault) => {
    await expect(storeModelProperty(target({ fault }), { runs: 500, seed: 1 })).rejects.toThrow(/seed: 1, path: "/);
  });

  it("replays a failure from its seed and path", async () => {
    const broken = target({ fault: "sorts the row ids" });
    const failure = await storeModelProperty(broken, { runs: 500 }).catch((error: unknown) => String(error));
    const [, seed, path] = /seed: (-?\d+), path: "([\d:]+)"/.exec(String(failure)) ?? [];
    const replayed = storeModelProperty(broken, { seed: Number(seed), path: String(path), runs: 500 });
    await expect(replayed).rejects.toThrow(`Property failed after 1 tests`);
  });
});
