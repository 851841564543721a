// The engines as `openBackend` sees them: one way to look at what is there, one to open, for all. Each is loaded when it
// is asked for, so that a program that uses one never loads another.

import { type Backend, referenceBackend } from "@engram-ts/core";
import type { EngineName, EngineReport } from "./engine-report.js";
import type { GgmlOptions } from "./ggml/index.js";
import type { TfjsBackendName, TfjsOptions } from "./tfjs/index.js";

/** What an engine is opened with; each takes what it knows. */
export interface EngineOptions {
  /** Name of a device, as `inspectEngines` lists them: `Vulkan0`, `CPU`, or for tfjs `webgpu`, `wasm`. */
  readonly device?: string;
  /** Threads of engines on the CPU; default what the engine finds best. */
  readonly threads?: number;
  /** What else ggml takes, where it is the engine. */
  readonly ggml?: Omit<GgmlOptions, "device" | "threads">;
  /** What else tfjs takes, where it is the engine. */
  readonly tfjs?: Omit<TfjsOptions, "backend">;
}

/** An engine behind its door. */
export interface Engine {
  inspect(options: EngineOptions): Promise<EngineReport>;
  open(options: EngineOptions): Promise<Backend<unknown>>;
}

/** The engines' names, in the order in which people read of them. */
export const ENGINE_NAMES: readonly EngineName[] = ["ggml", "tfjs", "reference"];

/** Exports of an engine's entry that look around. */
interface InspectingEntry {
  readonly inspectGgml?: (options: Pick<GgmlOptions, "library" | "precision">) => Promise<EngineReport>;
  readonly inspectTfjs?: () => Promise<EngineReport>;
}

/** All of them. */
export const ENGINES: Readonly<Record<EngineName, Engine>> = {
  ggml: {
    async inspect({ ggml = {} }) {
      const { inspectGgml } = (await import("./ggml/index.js")) as InspectingEntry;
      return inspectGgml === undefined ? unseen("ggml") : inspectGgml(ggml);
    },
    async open({ device, threads, ggml }) {
      const { openGgml } = await import("./ggml/index.js");
      return openGgml({
        ...ggml,
        ...(device !== undefined && { device }),
        ...(threads !== undefined && { threads }),
      }) as Promise<Backend<unknown>>; // its handles are opaque here
    },
  },
  tfjs: {
    async inspect() {
      const { inspectTfjs } = (await import("./tfjs/index.js")) as InspectingEntry;
      return inspectTfjs === undefined ? unseen("tfjs") : inspectTfjs();
    },
    async open({ device = "wasm", tfjs }) {
      const { openTfjs } = await import("./tfjs/index.js");
      return openTfjs({ ...tfjs, backend: device as TfjsBackendName }) as Promise<Backend<unknown>>; // it checks the name
    },
  },
  reference: {
    async inspect() {
      const description = "plain loops in float64: exact, and slow";
      return { engine: "reference", libraries: [], devices: [{ name: "cpu", kind: "cpu", description }] };
    },
    async open() {
      return referenceBackend() as Backend<unknown>; // its handles are opaque here
    },
  },
};

function unseen(engine: EngineName): EngineReport {
  return { engine, libraries: [], devices: [] };
}
