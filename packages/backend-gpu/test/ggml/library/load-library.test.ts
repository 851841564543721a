// Loading ggml: what is refused, with which code and words, and that the process lives on and loads the right one then. In
// this order, since a process loads one library.

import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isEngramError } from "@engram-ts/core";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { inspectGgml } from "../../../src/ggml/inspect-ggml.js";
import { checkAbi } from "../../../src/ggml/library/abi.js";
import { findLibrary, GGML_VERSION, packageNames } from "../../../src/ggml/library/find-library.js";
import { loadLibrary } from "../../../src/ggml/library/load-library.js";
import { openGgml } from "../../../src/ggml/open-ggml.js";

const made: string[] = [];
const folderWith = (...files: readonly string[]): string => {
  const folder = mkdtempSync(join(tmpdir(), "engram-ggml-"));
  made.push(folder);
  for (const file of files) writeFileSync(join(folder, file), "no library");
  return folder;
};
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});
beforeEach(() => {
  vi.stubEnv("ENGRAM_GGML_LIB", undefined);
});

async function refusal(library: string): Promise<string> {
  const error: unknown = await openGgml({ library }).catch((thrown: unknown) => thrown);
  expect(isEngramError(error, "missing-dependency"), String(error)).toBe(true);
  return String(error);
}

it("names the folder that has no libraries, the file that is no folder, and the variable that names it", async () => {
  const folder = folderWith("readme.txt");
  for (const wrong of [folder, join(folder, "readme.txt"), join(folder, "nothing")]) {
    expect(await refusal(wrong)).toContain(`the folder ${wrong} has no ggml libraries`);
    const { libraries, devices } = await inspectGgml({ library: wrong });
    expect(devices).toEqual([]);
    expect(libraries[0]).toMatchObject({ name: "options.library", state: "broken" });
    expect(libraries[0]?.problem).toContain(wrong);
  }
  vi.stubEnv("ENGRAM_GGML_LIB", folder);
  expect(() => loadLibrary()).toThrow(`the folder ${folder} has no ggml libraries`);
  const { libraries } = await inspectGgml();
  expect(libraries[0]).toMatchObject({ name: "ENGRAM_GGML_LIB", state: "broken" });
  expect(libraries[0]?.problem).toContain(folder);
});

it("says which library cannot be loaded, and keeps what the system says as the cause", async () => {
  const [base, registry] =
    process.platform === "win32" ? ["ggml-base.dll", "ggml.dll"] : ["libggml-base.so", "libggml.so"];
  const folder = folderWith(base, registry);
  expect(await refusal(folder)).toContain(`the ggml library in ${folder} (options.library) cannot be loaded`);
  const { libraries } = await inspectGgml({ library: folder });
  expect(libraries[0]).toMatchObject({ name: "options.library", state: "broken" });
});

it("takes an empty variable for none", () => {
  vi.stubEnv("ENGRAM_GGML_LIB", "");
  expect(packageNames()).toContain(findLibrary().from);
});

it("refuses a library with other types, sizes, or numbers of operations, naming what differs", () => {
  const { bindings, from } = loadLibrary();
  checkAbi(bindings, from);
  const others = {
    ggml_tensor_overhead: () => 400n,
    ggml_type_name: (type: number) => (type === 8 ? "q8_1" : bindings.ggml_type_name(type)),
    ggml_type_size: (type: number) => (type === 8 ? 36 : bindings.ggml_type_size(type)),
    ggml_blck_size: (type: number) => (type === 2 ? 64 : bindings.ggml_blck_size(type)),
    ggml_op_name: (operation: number) => bindings.ggml_op_name(operation >= 29 ? operation + 1 : operation),
    ggml_unary_op_name: (operation: number) => bindings.ggml_unary_op_name(operation + 1),
  };
  for (const [name, other] of Object.entries(others)) {
    let error: unknown;
    try {
      checkAbi({ ...bindings, [name]: other }, from);
    } catch (thrown) {
      error = thrown;
    }
    expect(isEngramError(error, "unsupported"), `${name}: ${String(error)}`).toBe(true);
    expect(String(error)).toContain(GGML_VERSION);
    expect(String(error)).toMatch(/ is .*, expected /);
  }
});

it("refuses a second folder in one process, and goes on with the first", async () => {
  const { from } = loadLibrary();
  const folder = folderWith();
  for (const file of readdirSync(from.folder)) symlinkSync(join(from.folder, file), join(folder, file));
  const error: unknown = await openGgml({ library: folder }).catch((thrown: unknown) => thrown);
  expect(isEngramError(error, "invalid-argument"), String(error)).toBe(true);
  expect(String(error)).toContain(`${folder} needs another process`);
  expect(loadLibrary().from.folder).toBe(from.folder);
  expect(loadLibrary(from.folder)).toBe(loadLibrary());
});

it("refuses a device that is not there, naming those that are", async () => {
  const error: unknown = await openGgml({ device: "Vulkan99" }).catch((thrown: unknown) => thrown);
  expect(isEngramError(error, "invalid-argument"), String(error)).toBe(true);
  expect(String(error)).toMatch(/no device Vulkan99; ggml sees .*CPU/);
});
