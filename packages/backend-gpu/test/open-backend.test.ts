// Opening engines by name, by device, and the best; what is refused, and that reports never fail.

import { isEngramError } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { inspectEngines } from "../src/engine-reports.js";
import { type OpenBackendOptions, openBackend } from "../src/open-backend.js";
import { rankedDevices } from "../src/open-backend-choice.js";

async function refused(options: object): Promise<string> {
  const error: unknown = await openBackend(options as OpenBackendOptions).catch((thrown: unknown) => thrown); // wrong ones, too
  expect(isEngramError(error), String(error)).toBe(true);
  return String(error);
}

describe("openBackend", () => {
  it("opens the reference by name", async () => {
    const backend = await openBackend({ engine: "reference" });
    expect(backend.name).toBe("reference");
    expect(backend.choice).toMatchObject({ engine: "reference", device: "cpu", passed: [], faster: [] });
    expect(backend.choice.why).toContain("as asked for");
    await backend.close();
  });

  it("opens the best by itself: the first of the order that opens", async () => {
    const backend = await openBackend();
    const [best] = rankedDevices(await inspectEngines());
    expect(backend.choice.engine).toBe(best?.engine);
    expect(backend.choice.device).toBe(best?.device.name);
    expect(backend.choice.passed).toEqual([]);
    expect(backend.name).toBe(backend.choice.engine);
    const x = backend.upload(Float32Array.of(1, 2), [1, 2]);
    const { y } = backend.operations.add.forward({ a: x, b: x }, {});
    expect([...(await backend.download(y))]).toEqual([2, 4]);
    await backend.close();
  });

  it("goes on to the next engine where one cannot be loaded", async () => {
    const backend = await openBackend({ ggml: { library: "/nowhere" } });
    expect(backend.choice.engine).toMatch(/^(tfjs|reference)$/);
    expect(backend.choice.why).not.toContain("as asked for");
    await backend.close();
  });

  it("refuses engines and devices that there are not, and says which there are", async () => {
    expect(await refused({ engine: "cuda" })).toContain('engine is "cuda"; use auto, ggml, tfjs, reference');
    expect(await refused({ engine: "reference", device: "Vulkan9" })).toContain(
      'device is "Vulkan9"; there are reference cpu (plain loops',
    );
    expect(await refused({ device: "Vulkan9" })).toMatch(/device is "Vulkan9"; there are .*reference cpu/);
    expect(await refused({ device: 3 })).toContain("device is no name");
  });
});

describe("openBackend, of one engine", () => {
  it("opens ggml on the CPU", async () => {
    const backend = await openBackend({ engine: "ggml", device: "CPU", threads: 1 });
    expect(backend.name).toBe("ggml");
    expect(backend.choice).toMatchObject({ engine: "ggml", device: "CPU" });
    await backend.close();
  });

  it("opens tfjs on WebAssembly", async () => {
    const backend = await openBackend({ engine: "tfjs", device: "wasm" });
    expect(backend.name).toBe("tfjs");
    expect(backend.choice).toMatchObject({ engine: "tfjs", device: "wasm" });
    await backend.close();
  });

  it("says what to install, or what is wrong with what was named", async () => {
    const missing = await openBackend({ engine: "ggml", ggml: { library: "/nowhere" } }).catch(
      (error: unknown) => error,
    );
    expect(isEngramError(missing, "missing-dependency"), String(missing)).toBe(true);
    expect(String(missing)).toContain("/nowhere");
    expect(await refused({ engine: "ggml", device: "Vulkan9" })).toMatch(/Vulkan9.*CPU/);
    expect(await refused({ engine: "tfjs", device: "Vulkan9" })).toMatch(/Vulkan9.*wasm/);
    expect(await refused({ engine: "ggml", threads: 0 })).toContain("threads is 0");
  });
});

describe("inspectEngines", () => {
  it("reports on all engines, or those asked for; the reference is always there", async () => {
    const all = await inspectEngines();
    expect(all.map(({ engine }) => engine)).toEqual(["ggml", "tfjs", "reference"]);
    expect(await inspectEngines({ engines: ["reference"] })).toEqual(all.slice(2));
    for (const { libraries, devices } of all) {
      for (const { name, state, mend, problem } of libraries) {
        expect(name).not.toBe("");
        if (state !== "ready") expect(`${mend ?? ""}${problem ?? ""}`).not.toBe("");
      }
      for (const { memoryBytes = 0, freeBytes = 0 } of devices) expect(freeBytes).toBeLessThanOrEqual(memoryBytes);
    }
    expect(JSON.parse(JSON.stringify(all))).toEqual(all);
  });
});
