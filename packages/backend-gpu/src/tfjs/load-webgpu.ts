// The WebGPU backend of tfjs, on a browser's navigator.gpu or, under Node, on Dawn (npm `webgpu`). The device is asked for
// here, with the highest limits that the adapter has, since tfjs does it in browsers alone. One device serves a process:
// a second opening gets the same one.

import { EngramError } from "@engram-ts/core";
import { type LoadedLibrary, load, ready, unavailable } from "./import-library.js";
import type { GpuDevice, TfjsKernelBackend, TfjsLibrary } from "./tfjs-library.js";
import type { TfjsOptions } from "./tfjs-options.js";

interface Gpu {
  requestAdapter(options?: { powerPreference: "high-performance" }): Promise<GpuAdapter | null>;
}

interface GpuAdapter {
  readonly limits: Readonly<Record<string, number>>;
  readonly features: ReadonlySet<string>;
  readonly info?: GpuInfo;
  requestDevice(options: { requiredLimits: Record<string, number>; requiredFeatures: string[] }): Promise<GpuDevice>;
}

interface GpuInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

interface WebgpuModule {
  readonly WebGPUBackend: new (device: GpuDevice, info?: GpuInfo) => TfjsKernelBackend;
}

/** What tfjs calls it. */
const NAME = "webgpu";

/** Limits that large tensors and their kernels need. */
const LIMITS = [
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupSizeX",
  "maxComputeInvocationsPerWorkgroup",
];

/** Descriptions of devices that were opened here. */
const described = new WeakMap<GpuDevice, { description: string; software: boolean }>();

/** Readies the backend `webgpu`. */
export async function loadWebgpu(tf: TfjsLibrary, options: TfjsOptions): Promise<LoadedLibrary> {
  const gpu = await findGpu(options);
  return withNavigator(gpu, async () => {
    const packageName = "@tensorflow/tfjs-backend-webgpu";
    const module = await load<WebgpuModule>(import("@tensorflow/tfjs-backend-webgpu" as string), packageName, options);
    const running = tf.engine().registry[NAME];
    if (running?.device !== undefined) return { tf, backendName: NAME, packageName, ...described.get(running.device) };

    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter === null) throw unavailable(NAME, new Error("no adapter"));
    const device = await adapter.requestDevice({
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name] ?? 0])),
      requiredFeatures: [],
    });
    const backend = new module.WebGPUBackend(device, adapter.info);
    if (tf.findBackendFactory(NAME)) tf.removeBackend(NAME); // the factory that tfjs registers in browsers
    tf.registerBackend(NAME, () => backend);
    await ready(tf, NAME);
    const facts = {
      description: descriptionOf(adapter.info),
      software: /swiftshader|llvmpipe|lavapipe/i.test(descriptionOf(adapter.info)),
    };
    described.set(device, facts);
    return { tf, backendName: NAME, packageName, ...facts };
  });
}

function descriptionOf(info: GpuInfo | undefined): string {
  return [info?.description, info?.device, info?.architecture, info?.vendor].filter(Boolean).join(", ");
}

async function findGpu(options: TfjsOptions): Promise<Gpu> {
  if (options.gpu !== undefined) return options.gpu as Gpu; // the caller says so
  const browsers = (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;
  if (browsers !== undefined) return browsers;
  if (!isNode()) throw unavailable(NAME, new Error("this browser has no navigator.gpu"));
  const specifier: string = "webgpu"; // not a literal: browsers' bundlers have no use for it
  const dawn = await load<{ create(flags: string[]): Gpu; globals: object }>(import(specifier), "webgpu", options);
  Object.assign(globalThis, dawn.globals);
  dawnGpu ??= dawn.create([]);
  return dawnGpu;
}

/** One for a process; it must live as long as its devices. */
let dawnGpu: Gpu | undefined;

function isNode(): boolean {
  return (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined;
}

/** tfjs looks for `navigator.gpu` when its backend is made; Node has none. */
async function withNavigator<R>(gpu: Gpu, run: () => Promise<R>): Promise<R> {
  const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const existing = (globalThis as { navigator?: { gpu?: Gpu } }).navigator;
  if (existing?.gpu !== undefined) return run();
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
  try {
    return await run();
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, "navigator");
    else Object.defineProperty(globalThis, "navigator", before);
  }
}

/** Ends the device; a later opening gets another. */
export function unloadWebgpu(tf: TfjsLibrary): void {
  const device = tf.engine().registry[NAME]?.device;
  tf.removeBackend(NAME);
  device?.destroy();
}

/** The error about a device that is gone. */
export function deviceLost(operation: string, message: string): EngramError {
  return new EngramError({
    code: "io",
    operation,
    retry: "later",
    message: `the GPU device is lost (${message}); what was on it is gone: close this backend and open it again`,
  });
}
