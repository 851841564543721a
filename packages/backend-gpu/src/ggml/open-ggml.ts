// Opens the engine ggml on one device: checks the options, loads the library, and puts the backend together.

import { availableParallelism } from "node:os";
import { EngramError } from "@engram-ts/core";
import { chooseDevice, type FoundDevice, foundDevices, type GgmlDevice } from "./devices.js";
import { type GgmlBackend, ggmlBackend } from "./ggml-backend.js";
import type { Pointer } from "./library/bindings.js";
import { type Library, loadLibrary } from "./library/load-library.js";
import { openThreads } from "./library/thread-pool.js";
import { WEIGHT_TYPES, type WeightType } from "./library/types.js";

/** Options of {@link openGgml}. */
export interface GgmlOptions {
  /** Folder of ggml's libraries; default `ENGRAM_GGML_LIB`, else the best package `@node-llama-cpp/*` installed. */
  readonly library?: string;
  /** Name of a device, as `engram doctor` lists them; default a graphics processor where there is one, else the CPU. */
  readonly device?: string;
  /** Threads of the CPU device, default the cores that this process may use. */
  readonly threads?: number;
  /** Type that matrices are kept in, default f32. Training needs f32. */
  readonly weights?: WeightType;
  /** Type that keys, values and latents of sequences are kept in, default f32. */
  readonly cache?: "f32" | "f16";
  /**
   * `exact` (the default) multiplies float32 as float32. `fast` lets a graphics processor round factors to half precision
   * in its matrix units. The CPU is exact always. On Vulkan the choice holds for the process.
   */
  readonly precision?: "exact" | "fast";
  /**
   * Most bytes of tensors and graphs; what needs more is refused (`out-of-memory`). Default `ENGRAM_GGML_MEMORY_BYTES`, else
   * what a graphics processor has free at the opening; on the CPU the machine's memory, or the limit of the container.
   * Graphs are kept in a quarter of it: processes that share a device need a limit each.
   */
  readonly memoryBytes?: number;
}

/**
 * Opens the engine.
 * @throws EngramError `missing-dependency` where no library is installed, `unsupported` where it is of another version,
 * `invalid-argument` for an unknown device or options out of range, `out-of-memory`.
 * @example
 * const backend = await openGgml({ device: "CPU", threads: 2 });
 */
export async function openGgml(options: GgmlOptions = {}): Promise<GgmlBackend> {
  const { threads = availableParallelism(), weights = "f32", cache = "f32", precision = "exact" } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > 512) {
    throw refused(`threads is ${String(threads)}; use a whole number from 1 to 512`);
  }
  if (!WEIGHT_TYPES.includes(weights))
    throw refused(`weights is ${String(weights)}; use one of ${WEIGHT_TYPES.join(", ")}`);
  if (cache !== "f32" && cache !== "f16") throw refused(`cache is ${String(cache)}; use f32 or f16`);
  if (precision !== "exact" && precision !== "fast")
    throw refused(`precision is ${String(precision)}; use exact or fast`);
  const { ENGRAM_GGML_MEMORY_BYTES: limit = "" } = process.env;
  const { memoryBytes = limit === "" ? undefined : Number(limit) } = options;
  if (memoryBytes !== undefined && !(Number.isSafeInteger(memoryBytes) && memoryBytes > 0)) {
    const name = options.memoryBytes === undefined ? "ENGRAM_GGML_MEMORY_BYTES" : "memoryBytes";
    throw refused(`${name} is ${options.memoryBytes ?? limit}; use a whole number above 0`);
  }
  choosePrecision(precision);
  const library = loadLibrary(options.library);
  const found = chooseDevice(foundDevices(library), options.device);
  const backend = openDevice(library, found);
  const pool = found.kind === "cpu" ? openThreads(library, found, backend, threads) : undefined;
  const { pointer, ...device } = found;
  const kernels = found.kind === "cpu" ? library.kernels : undefined;
  return ggmlBackend({
    library,
    device,
    pointer,
    backend,
    threads,
    weights,
    cache,
    exact: precision === "exact",
    kernels,
    pool,
    mostBytes: memoryBytes ?? memoryOf(device),
  });
}

/**
 * What a device has. Systems lend a process more than there is, and end it when it uses that; of a graphics processor others
 * may have taken a part.
 */
function memoryOf({ kind, memoryBytes, freeBytes }: GgmlDevice): number {
  const other = kind === "cpu" ? process.constrainedMemory() : freeBytes; // 0 or more than there is: no limit
  const limits = [memoryBytes, other].filter((bytes) => bytes > 0);
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}

/** What ggml's Vulkan reads once, when the library is loaded: exact products keep off the half-precision matrix units. */
export function choosePrecision(precision: "exact" | "fast"): void {
  const names = ["GGML_VK_DISABLE_COOPMAT", "GGML_VK_DISABLE_COOPMAT2", "GGML_VK_DISABLE_F16"];
  for (const name of names) {
    if (precision === "exact") process.env[name] ??= "1";
    else delete process.env[name];
  }
}

function openDevice({ bindings }: Library, { pointer, name }: FoundDevice): Pointer {
  const backend: Pointer = bindings.ggml_backend_dev_init(pointer, null);
  if (backend) return backend;
  throw new EngramError({
    code: "io",
    operation: "openGgml",
    message: `the device ${name} cannot be opened; look at its driver`,
  });
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "openGgml", message });
}
