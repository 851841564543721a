// Decode steps of the suite `offload`, on the exact reference: every tier, read ahead or on demand, gives the tokens that
// resident rows give (runCell compares them), and takes part to the end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCell } from "../../src/cells/run-cell.js";
import { findRowPeers } from "../../src/peers/row-peers.js";
import { offloadSuite } from "../../src/suites/offload-suite.js";
import type { SuiteContext } from "../../src/suites/suite.js";
import { tableShelf } from "../../src/suites/table-shelf.js";
import { textOf } from "../../src/traces/texts.js";
import { textTrace, traceTokenizer } from "../../src/traces/trace.js";

const folder = mkdtempSync(join(tmpdir(), "engram-offload-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("every tier of a decode step gives what resident rows give", async () => {
  const tokenizer = await traceTokenizer();
  const trace = textTrace(tokenizer, textOf("english", 4_000), 400);
  const context: SuiteContext = {
    quick: true,
    folder,
    shelf: tableShelf(folder),
    tokenizer,
    trace,
    uniform: false,
    presets: ["deepseek-v4.1-flash"],
    rows: [1_000],
    sizesGiven: true,
    sequences: [1],
    peers: findRowPeers(folder),
    stores: [],
    engine: "reference",
    textTrace: () => trace,
    leaveOut: () => undefined,
    useTrace: () => undefined,
  };
  const { cells } = await offloadSuite.plan(context);
  const ids = cells.map(({ id }) => id);
  expect(ids).toContain("offload/ggml/gqa-35m/hot/1");
  expect(ids).toContain("offload/reference/tiny/hot/1");
  const plan = cells.find(({ id }) => id === "offload/reference/tiny/hot/1");
  if (plan === undefined) throw new Error("no plan");
  const { report, leftOut } = await runCell(plan, { processes: 1, rounds: 2, roundMs: 1, openLoopMs: 1 });
  expect(leftOut).toEqual([]);
  const names = report?.contestants.map(({ name }) => name);
  expect(names).toEqual(["resident", "file, read ahead", "file, on demand", "lmdb, read ahead", "lmdb, on demand"]);
  expect(report?.contestants.every(({ ns }) => ns[0]?.length === 2)).toBe(true);
  expect(report?.labels).toMatchObject({ rowsPerToken: 16, rowBytes: 64 });
}, 180_000);
