// Corpora come out of their packed files byte by byte, once; damaged or hostile files are refused.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { isEngramError } from "@engram-ts/core";
import { afterAll, expect, test } from "vitest";
import { packCorpora, unpackCorpora } from "../../src/experiments/prepare/packed-corpora.js";
import { CORPORA } from "../../src/experiments/running/experiment-corpora.js";
import { workerEngines } from "../../src/experiments/running/run-cells.js";

const folder = mkdtempSync(join(tmpdir(), "engram-packed-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what is packed is unpacked, and not twice", () => {
  const from = join(folder, "from");
  for (const [i, name] of CORPORA.entries()) {
    mkdirSync(join(from, name), { recursive: true });
    writeFileSync(join(from, name, "tokens.json"), `{"name":"${name}"}`);
    writeFileSync(
      join(from, name, "training-00000.bin"),
      Uint8Array.from({ length: i * 70_000 }, (_, at) => at * 31 + i),
    );
    writeFileSync(join(from, name, "empty"), "");
  }
  packCorpora(from, join(folder, "packed"));
  const to = join(folder, "to");
  unpackCorpora(join(folder, "packed"), to);
  for (const name of CORPORA) {
    for (const file of ["tokens.json", "training-00000.bin", "empty"]) {
      expect(readFileSync(join(to, name, file))).toEqual(readFileSync(join(from, name, file)));
    }
  }
  const { mtimeMs } = statSync(join(to, "code/empty"));
  unpackCorpora(join(folder, "packed"), to);
  expect(statSync(join(to, "code/empty")).mtimeMs).toBe(mtimeMs);
});

test("a file that would lie elsewhere is refused", () => {
  const head = Buffer.from(JSON.stringify([["../escaped", 1]]));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(head.length);
  mkdirSync(join(folder, "hostile"));
  writeFileSync(
    join(folder, "hostile/prose.tokens"),
    brotliCompressSync(Buffer.concat([size, head, Buffer.from("x")])),
  );
  const unpack = () => unpackCorpora(join(folder, "hostile"), join(folder, "victim"));
  expect(unpack).toThrow("escaped");
  try {
    unpack();
  } catch (error) {
    expect(isEngramError(error, "invalid-manifest")).toBe(true);
  }
});

test("a file that is damaged is refused", () => {
  mkdirSync(join(folder, "damaged"));
  writeFileSync(
    join(folder, "damaged/prose.tokens"),
    readFileSync(join(folder, "packed/prose.tokens")).subarray(0, 20),
  );
  expect(() => unpackCorpora(join(folder, "damaged"), join(folder, "victim"))).toThrow("no packed corpus");
});

test("workers are counted as they are written", () => {
  expect(workerEngines("2x ggml:device=Vulkan0,precision=fast; reference")).toEqual([
    "ggml:device=Vulkan0,precision=fast",
    "ggml:device=Vulkan0,precision=fast",
    "reference",
  ]);
  expect(() => workerEngines("0x ggml")).toThrow("says no processes");
  expect(() => workerEngines("ggml;")).toThrow("says no processes");
});
