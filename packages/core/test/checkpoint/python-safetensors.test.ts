// Our files through the format's Python implementation, and damaged files judged by both. Needs a Python with the package
// safetensors: the environment variable ENGRAM_PYTHON names it, else `python3` is tried. Where there is none, one test
// says that the others are left out; the committed fixtures cover the same ground without Python.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeSafetensors, isEngramError, readSafetensors } from "@engram-ts/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../rows/fixture.js";
import { REFERENCE_FILES, type ReadTensor, referenceFile } from "./safetensors-fixtures.js";

const named = process.env.ENGRAM_PYTHON;
const python = named ?? "python3";
const present =
  spawnSync(python, [
    "-c",
    "import numpy, safetensors as s; assert tuple(map(int, s.__version__.split('.')[:2])) >= (0, 8)",
  ]).status === 0;
function judge(bytes: Uint8Array): string {
  try {
    readSafetensors(bytes);
    return "ok";
  } catch (error) {
    if (isEngramError(error)) return error.message;
    throw error;
  }
}

const oracle = fileURLToPath(new URL("../../../../tools/oracles/safetensors-files.py", import.meta.url));

if (!present) {
  it(`left out: ${python} has no safetensors 0.8; ENGRAM_PYTHON may name a Python that has`, () => {
    expect(named, "ENGRAM_PYTHON is set, and must have numpy and safetensors 0.8").toBeUndefined();
  });
} else {
  describe("Python's safetensors", () => {
    let folder = "";
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "engram-safetensors-"));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    const written = (name: string, bytes: Uint8Array): string => {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      return path;
    };

    it("reads a file of ours", () => {
      const tensors = new Map([
        ["weights", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, -0, 1e-40) }],
        ["brain", { dtype: "BF16", shape: [3], data: Uint16Array.of(1, 2, 3) }],
        ["rows", { dtype: "F8_E4M3", shape: [2, 32], data: new Uint8Array(64).fill(7) }],
        ["none", { dtype: "I64", shape: [0, 5], data: new BigInt64Array(0) }],
        ['__proto__ "\n\u{1f600}', { dtype: "U8", shape: [], data: Uint8Array.of(9) }],
      ] as const);
      const path = written("ours.safetensors", encodeSafetensors(tensors, new Map([["made by", "us\u2028"]])));
      const reading = JSON.parse(execFileSync(python, [oracle, "read", path]).toString()) as ReadTensor[];
      const expected = [...tensors].map(([name, { dtype, shape, data }]) => {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        return { name, dtype, shape: [...shape], sha256: sha256(bytes) };
      });
      const byName = (a: ReadTensor, b: ReadTensor) => (a.name < b.name ? -1 : 1);
      expect(reading.sort(byName)).toEqual(expected.sort(byName));
    });

    it("takes every damaged file that we take", () => {
      const sources = REFERENCE_FILES.slice(0, 3).map(([name, digest]) => referenceFile(name, digest));
      const damaged = fc.tuple(fc.constantFrom(...sources), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean());
      const paths: string[] = [];
      const ours: string[] = [];
      for (const [index, [source, at, byte, digit]] of fc.sample(damaged, { numRuns: 3000, seed: 11 }).entries()) {
        const bytes = new Uint8Array(source);
        const headerEnd = 8 + source.readUInt32LE(0);
        // Digits inside the header make files that come near to being right.
        bytes[at % headerEnd] = digit ? 0x30 + (byte % 10) : byte;
        paths.push(written(`${index}`, bytes));
        ours.push(judge(bytes));
      }
      const theirs = execFileSync(python, [oracle, "judge", ...paths])
        .toString()
        .trimEnd()
        .split("\n");
      expect(theirs.length).toBe(ours.length);
      const different = ours.flatMap((verdict, i) =>
        (verdict === "ok") === (theirs[i] === "ok") ? [] : [[verdict, theirs[i]]],
      );
      // We refuse more only where the format's text is stricter than its implementation.
      for (const [verdict, their] of different) {
        expect(their).toBe("ok");
        expect(verdict).toMatch(/stands twice|must begin with '\{'/);
      }
      expect(ours.filter((verdict) => verdict === "ok").length).toBeGreaterThan(100);
    });
  });
}
