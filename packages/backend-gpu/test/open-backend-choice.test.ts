// The order of devices, why one is chosen, and what would be faster: on reports made by hand, as machines of all kinds
// would give them.

import { describe, expect, it } from "vitest";
import type { EngineDevice, EngineLibrary, EngineReport } from "../src/engine-report.js";
import { allDevices, devicesNamed, fasterThan, rankedDevices, reasonFor } from "../src/open-backend-choice.js";

const cpu: EngineDevice = { name: "CPU", kind: "cpu", description: "AMD EPYC" };
const vulkan: EngineDevice = { name: "Vulkan0", kind: "gpu", description: "NVIDIA H200" };
const lavapipe: EngineDevice = { name: "Vulkan1", kind: "software", description: "llvmpipe" };
const missing: EngineLibrary = {
  name: "@node-llama-cpp/linux-x64-vulkan",
  state: "missing",
  kind: "gpu",
  gives: "GPUs by Vulkan",
  mend: "npm install @node-llama-cpp/linux-x64-vulkan@3.22.1",
};
const ready: EngineLibrary = { name: "@node-llama-cpp/linux-x64", state: "ready", kind: "cpu", gives: "CPU" };
const reference: EngineReport = { engine: "reference", libraries: [], devices: [{ name: "cpu", kind: "cpu" }] };
const ggml = (devices: EngineDevice[], libraries: EngineLibrary[] = [ready]): EngineReport => ({
  engine: "ggml",
  libraries,
  devices,
});
const tfjs = (...backends: readonly (readonly [string, EngineDevice["kind"]])[]): EngineReport => ({
  engine: "tfjs",
  libraries: [],
  devices: backends.map(([name, kind]) => ({ name, kind })),
});
const names = (choices: ReturnType<typeof rankedDevices>) =>
  choices.map(({ engine, device }) => `${engine} ${device.name}`);

describe("the order of devices", () => {
  it("is GPUs by ggml, TensorFlow and WebGPU, then CPUs by ggml, TensorFlow and WebAssembly, then the reference", () => {
    const gpus = tfjs(["cpu", "cpu"], ["wasm", "cpu"], ["webgpu", "gpu"], ["tensorflow", "gpu"]);
    expect(names(rankedDevices([reference, gpus, ggml([cpu, vulkan])]))).toEqual([
      "ggml Vulkan0",
      "tfjs tensorflow",
      "tfjs webgpu",
      "ggml CPU",
      "tfjs wasm",
      "reference cpu",
    ]);
    const cpus = tfjs(["wasm", "cpu"], ["tensorflow", "cpu"]);
    expect(names(rankedDevices([cpus, reference]))).toEqual(["tfjs tensorflow", "tfjs wasm", "reference cpu"]);
  });

  it("has no software GPU and no plain JavaScript, which are there by name alone", () => {
    const reports = [ggml([lavapipe, cpu]), tfjs(["cpu", "cpu"], ["webgpu", "software"]), reference];
    expect(names(rankedDevices(reports))).toEqual(["ggml CPU", "reference cpu"]);
    expect(names(allDevices(reports)).slice(2).sort()).toEqual(["ggml Vulkan1", "tfjs cpu", "tfjs webgpu"]);
    expect(names(devicesNamed(reports, "vulkan1"))).toEqual(["ggml Vulkan1"]);
    expect(names(devicesNamed(reports, "cpu"))).toEqual(["ggml CPU", "reference cpu", "tfjs cpu"]);
    expect(devicesNamed(reports, "CUDA0")).toEqual([]);
  });

  it("keeps an engine's own order of its GPUs", () => {
    const second = { ...vulkan, name: "Vulkan2" };
    expect(names(rankedDevices([ggml([second, vulkan])]))).toEqual(["ggml Vulkan2", "ggml Vulkan0"]);
  });
});

describe("a choice", () => {
  it("says why", () => {
    const [best, next] = rankedDevices([ggml([cpu]), tfjs(["wasm", "cpu"])]);
    expect(best && reasonFor(best)).toBe("ggml is the fastest engine on a CPU; there is no GPU that an engine can use");
    expect(next && reasonFor(next)).toContain("WebAssembly on the CPU");
  });

  it("says what would be faster, the fastest first, and how to get it", () => {
    const tensorflow: EngineLibrary = {
      name: "@tensorflow/tfjs-node",
      state: "broken",
      kind: "cpu",
      gives: "TensorFlow on the CPU",
      problem: "its binding is not there",
    };
    const reports = [{ ...tfjs(["wasm", "cpu"]), libraries: [tensorflow] }, ggml([cpu], [ready, missing]), reference];
    const [ggmlCpu, wasm] = rankedDevices(reports);
    const gpu = {
      what: "ggml on GPUs by Vulkan",
      kind: "gpu",
      how: "npm install @node-llama-cpp/linux-x64-vulkan@3.22.1",
    };
    expect(ggmlCpu && fasterThan(ggmlCpu, reports)).toEqual([gpu]);
    expect(wasm && fasterThan(wasm, reports)).toEqual([
      gpu,
      { what: "ggml on CPU (AMD EPYC)", kind: "cpu", how: 'engine "ggml", device "CPU"' },
      { what: "tfjs on TensorFlow on the CPU", kind: "cpu", how: "its binding is not there" },
    ]);
    const best = { engine: "ggml", device: vulkan } as const;
    expect(fasterThan(best, [ggml([vulkan], [missing])])).toEqual([]);
  });
});
