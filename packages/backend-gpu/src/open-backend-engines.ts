// The engines as `openBackend` sees them: one way to look at what is there, one to open, for all. Each is loaded when it
// is asked for, so that a program that uses one never loads another.

import { type Backend, EngramError, referenceBackend } from "@engram-ts/core";
import type { EngineName, EngineReport } from "./engine-report.js";
import type { GgmlOptions } from "./ggml/index.js";

/** What an engine is opened with; each takes what it knows. */
export interface EngineOptions {
  /** Name of a device, as `inspectEngines` lists them: `Vulkan0`, `CPU`, or for tfjs `webgpu`, `wasm`. */
  readonly device?: string;
  /** Threads of engines on the CPU; default what the engine finds best. */
  readonly threads?: number;
  /** What else ggml takes, where it is the engine. */
  readonly ggml?: Omit<GgmlOptions, "device" | "threads">;
}

/** An engine behind its door. */
export interface Engine {
  inspect(options: EngineOptions): Promise<EngineReport>;
  open(options: EngineOptions): Promise<Backend<unknown>>;
}

/** The engines' names, in the order in which people read of them. */
export const ENGINE_NAMES: readonly EngineName[] = ["ggml", "tfjs", "reference"];

/** Exports of an engine's entry; the handles of its backend are opaque here. */
interface EngineEntry {
  readonly openGgml?: (options: GgmlOptions) => Promise<Backend<unknown>>;
  readonly inspectGgml?: (options: Pick<GgmlOptions, "library" | "precision">) => Promise<EngineReport>;
  readonly openTfjs?: (options: { readonly backend?: string; readonly threads?: number }) => Promise<Backend<unknown>>;
  readonly inspectTfjs?: () => Promise<EngineReport>;
}

/** All of them. */
export const ENGINES: Readonly<Record<EngineName, Engine>> = {
  ggml: {
    async inspect({ ggml = {} }) {
      const { inspectGgml } = await entryOf("ggml");
      return inspectGgml === undefined ? unseen("ggml") : inspectGgml(ggml);
    },
    async open({ device, threads, ggml }) {
      const { openGgml } = await entryOf("ggml");
      if (openGgml === undefined) throw absent("ggml");
      return openGgml({ ...ggml, ...(device && { device }), ...(threads && { threads }) });
    },
  },
  tfjs: {
    async inspect() {
      const { inspectTfjs } = await entryOf("tfjs");
      return inspectTfjs === undefined ? unseen("tfjs") : inspectTfjs();
    },
    async open({ device, threads }) {
      const { openTfjs } = await entryOf("tfjs");
      if (openTfjs === undefined) throw absent("tfjs");
      return openTfjs({ ...(device && { backend: device }), ...(threads && { threads }) });
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

async function entryOf(engine: "ggml" | "tfjs"): Promise<EngineEntry> {
  const entry: unknown = engine === "ggml" ? await import("./ggml/index.js") : await import("./tfjs/index.js");
  return entry as EngineEntry; // its exports, their handles made opaque
}

function unseen(engine: EngineName): EngineReport {
  return { engine, libraries: [], devices: [] };
}

function absent(engine: EngineName): EngramError {
  return new EngramError({
    code: "unsupported",
    operation: "openBackend",
    message: `this build has no engine ${engine}; use another`,
  });
}
