// What an engine finds on this machine: its libraries, their versions, the devices that they see, and what is missing.
// Plain data, for `inspectEngines`, `openBackend` and `engram doctor`. Types only; each engine makes its own report.

/** Names of the engines, as `openBackend` takes them. */
export type EngineName = "ggml" | "tfjs" | "reference";

/** A device that an engine can run on. */
export interface EngineDevice {
  /** As the engine's option takes it: `CPU`, `Vulkan0`, or for tfjs the name of a backend, `wasm`. */
  readonly name: string;
  /** `software` is a GPU interface that runs on the CPU, such as SwiftShader; it is never chosen by itself. */
  readonly kind: "gpu" | "cpu" | "software";
  /** What the driver calls it: `NVIDIA H200`. */
  readonly description?: string;
  /** The library that drives it, one of the report's `libraries`. */
  readonly library?: string;
  readonly memoryBytes?: number;
  readonly freeBytes?: number;
}

/** A library, or a package with one. */
export interface EngineLibrary {
  /** The package's name, or the folder of one that is named by hand. */
  readonly name: string;
  /** `ready`: it loads and is the version that the bindings were written for. */
  readonly state: "ready" | "missing" | "broken" | "other-version";
  /** The version found. */
  readonly version?: string;
  /** The version that the bindings were written for. */
  readonly expectedVersion?: string;
  /** The kind of device that it drives. */
  readonly kind: EngineDevice["kind"];
  /** What it gives, or would, in a few words: `CPU`, `GPUs of NVIDIA, AMD and Intel by Vulkan`. */
  readonly gives: string;
  /** What is wrong with it, where something is. */
  readonly problem?: string;
  /** How to get it or mend it: a command, as a rule. */
  readonly mend?: string;
}

/** What one engine finds. */
export interface EngineReport {
  readonly engine: EngineName;
  /** Libraries for this platform, those that are missing, too; those for other platforms are left out. */
  readonly libraries: readonly EngineLibrary[];
  /** Those that can be opened now, the fastest first. */
  readonly devices: readonly EngineDevice[];
}
