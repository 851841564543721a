// The guide on tables: its commands run in order, in a folder of their own and against store-kit's S3, and so does its program.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type FakeS3, fakeS3 } from "@engram-ts/store-kit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "./run-engram.js";
import { type TableRuns, tableRuns } from "./table-runs.js";

const before = { ...process.env };
let s3: FakeS3;
let runs: TableRuns;
beforeAll(async () => {
  s3 = await fakeS3({ seed: 3 });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "made-up",
    AWS_SECRET_ACCESS_KEY: "made-up",
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
  });
  runs = await tableRuns("guide");
});
afterAll(async () => {
  process.env = before;
  await s3.close();
  await runs.remove();
});

it("every command of the guide does what it says", async () => {
  const guide = await readFile(join(root, "docs/guide/tables.md"), "utf8");
  const commands = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.trim().split("\n"));
  expect(commands.length).toBeGreaterThan(9);
  for (const command of commands) {
    const [npx, engram, ...words] = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(
      ([, quoted, bare]) => quoted ?? bare ?? "",
    );
    expect([npx, engram]).toEqual(["npx", "engram"]);
    await runs.json(...words);
  }
  for (const file of ["checkpoint/engram.json", "packed/engram.json"]) await readFile(join(runs.folder, file));
});

it("its program reads the same rows from one place and from a stack", async () => {
  const program = join(root, "examples/tables/read-tables.mjs");
  const print = async (uri: string): Promise<string[]> => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, uri], { cwd: runs.folder });
    return stdout.trim().split("\n");
  };
  expect(await print("file:./packed")).toEqual([
    expect.stringMatching(/^layer 1: 120 rows of 256, \{"file":120\}$/),
    expect.stringMatching(/^layer 14: 120 rows of 256/),
  ]);
  const [first = ""] = await print("dram(1MiB) > lmdb:./cache > s3://tables/v41");
  expect(first).toContain('"lmdb":120'); // the verify above has filled it
});
