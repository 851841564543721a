// Which device is the best of those that engines found, why, and what would be better. Plain functions over the engines'
// reports. The order is measured (README, "Which engine"): not by what a device could do, but by what its engine made of it.

import type { EngineDevice, EngineName, EngineReport } from "./engine-report.js";

/** One device of one engine. */
export interface DeviceChoice {
  readonly engine: EngineName;
  readonly device: EngineDevice;
}

/** A way to a faster device. */
export interface FasterWay {
  /** What it would be: `ggml on GPUs of NVIDIA, AMD and Intel by Vulkan`. */
  readonly what: string;
  /** What it takes: a `gpu` where there is none is of no use. */
  readonly kind: EngineDevice["kind"];
  /** How to get it. */
  readonly how: string;
}

/** How a backend came to be chosen. */
export interface BackendChoice {
  readonly engine: EngineName;
  /** Name of the device. */
  readonly device: string;
  readonly why: string;
  /** Better ones that did not open, with the reason. */
  readonly passed: readonly { readonly engine: EngineName; readonly device: string; readonly problem: string }[];
  /** What would be faster, the fastest first; empty where nothing would. */
  readonly faster: readonly FasterWay[];
}

/** The order, best first. What is not in it is never chosen by itself: software GPUs, and tfjs on plain JavaScript. */
const ORDER: readonly {
  readonly engine: EngineName;
  readonly kind: "gpu" | "cpu";
  readonly name?: string;
  readonly why: string;
}[] = [
  { engine: "ggml", kind: "gpu", why: "ggml on a GPU is the fastest engine" },
  { engine: "tfjs", kind: "gpu", name: "tensorflow", why: "TensorFlow on a GPU; there is no GPU that ggml can use" },
  {
    engine: "tfjs",
    kind: "gpu",
    name: "webgpu",
    why: "WebGPU on a GPU; there is no GPU that ggml or TensorFlow can use",
  },
  { engine: "ggml", kind: "cpu", why: "ggml is the fastest engine on a CPU; there is no GPU that an engine can use" },
  { engine: "tfjs", kind: "cpu", name: "tensorflow", why: "TensorFlow on the CPU; ggml is not installed" },
  {
    engine: "tfjs",
    kind: "cpu",
    name: "wasm",
    why: "WebAssembly on the CPU; neither ggml nor TensorFlow is installed",
  },
  { engine: "reference", kind: "cpu", why: "no engine is installed but the exact one, which is slow" },
];

/** The place in the order, or undefined. */
function place(engine: EngineName, kind: EngineDevice["kind"], name: string): number | undefined {
  const found = ORDER.findIndex((one) => one.engine === engine && one.kind === kind && (one.name ?? name) === name);
  return found < 0 ? undefined : found;
}

/** All devices that may be chosen, best first; devices of an engine and kind in the engine's own order. */
export function rankedDevices(reports: readonly EngineReport[]): DeviceChoice[] {
  const ranked = reports.flatMap(({ engine, devices }) =>
    devices.flatMap((device) => {
      const at = place(engine, device.kind, device.name);
      return at === undefined ? [] : [{ at, choice: { engine, device } }];
    }),
  );
  return ranked.sort((a, b) => a.at - b.at).map(({ choice }) => choice);
}

/** All devices, best first; those never chosen by themselves come last. */
export function allDevices(reports: readonly EngineReport[]): DeviceChoice[] {
  const ranked = rankedDevices(reports);
  const every = reports.flatMap(({ engine, devices }) => devices.map((device) => ({ engine, device })));
  return [...ranked, ...every.filter(({ device }) => !ranked.some((one) => one.device === device))];
}

/** Devices by a name that the user gave, in whatever engine, best first. */
export function devicesNamed(reports: readonly EngineReport[], name: string): DeviceChoice[] {
  return allDevices(reports).filter(({ device }) => device.name.toLowerCase() === name.toLowerCase());
}

/** Why a device was chosen. */
export function reasonFor({ engine, device }: DeviceChoice): string {
  const at = place(engine, device.kind, device.name);
  return ORDER[at ?? -1]?.why ?? `${device.name} was asked for`;
}

/** What would be faster than a choice: better devices that are there, and libraries that would give one. */
export function fasterThan({ engine, device }: DeviceChoice, reports: readonly EngineReport[]): FasterWay[] {
  const own = place(engine, device.kind, device.name) ?? ORDER.length;
  const ways: { at: number; way: FasterWay }[] = [];
  for (const report of reports) {
    for (const other of report.devices) {
      const at = place(report.engine, other.kind, other.name);
      if (at === undefined || at >= own) continue;
      const way = {
        what: `${report.engine} on ${labelOf(other)}`,
        kind: other.kind,
        how: `engine "${report.engine}", device "${other.name}"`,
      };
      ways.push({ at, way });
    }
    for (const { name, state, kind, gives, problem, mend } of report.libraries) {
      const at = ORDER.findIndex((one) => one.engine === report.engine && one.kind === kind);
      if (state === "ready" || at < 0 || at >= own) continue;
      const how = [problem, mend].filter((part) => part !== undefined).join("; ");
      ways.push({ at, way: { what: `${report.engine} on ${gives}`, kind, how: how === "" ? `install ${name}` : how } });
    }
  }
  return ways.sort((a, b) => a.at - b.at).map(({ way }) => way);
}

/** What `auto` would take, as far as reports say; opening it may still fail, and the next be taken. */
export function bestEngine(reports: readonly EngineReport[]): BackendChoice {
  const [best] = rankedDevices(reports);
  if (best === undefined)
    return { engine: "reference", device: "cpu", why: "no engine was looked at", passed: [], faster: [] };
  const { engine, device } = best;
  return { engine, device: device.name, why: reasonFor(best), passed: [], faster: fasterThan(best, reports) };
}

/** A device as people read it. */
export function labelOf({ name, description }: EngineDevice): string {
  return description === undefined ? name : `${name} (${description})`;
}
