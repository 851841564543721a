// Imports tfjs and one of its backends, none of which is installed with this package. The specifiers of what browsers use
// are literals, which bundlers follow; types are our own (tfjs-library.ts), so that nobody needs those of tfjs.

import { EngramError } from "@engram-ts/core";
import { loadWebgpu } from "./load-webgpu.js";
import type { TfjsLibrary } from "./tfjs-library.js";
import type { TfjsOptions } from "./tfjs-options.js";

/** tfjs with a backend that is ready, by the name that tfjs knows it by. */
export interface LoadedLibrary {
  readonly tf: TfjsLibrary;
  readonly backendName: string;
  /** The package that gave the backend. */
  readonly packageName: string;
  /** What the device calls itself. */
  readonly description?: string;
  readonly software?: boolean;
}

/**
 * Imports and readies a backend.
 * @throws EngramError `missing-dependency` naming what to install, `unsupported` where the machine has no such device.
 */
export async function loadLibrary(options: TfjsOptions): Promise<LoadedLibrary> {
  if (options.backend === "tensorflow") return loadTensorflow(options);
  const tf = await load<TfjsLibrary>(import("@tensorflow/tfjs-core" as string), "@tensorflow/tfjs-core", options);
  if (options.backend === "webgpu") return loadWebgpu(tf, options);
  const packageName = `@tensorflow/tfjs-backend-${options.backend}`;
  if (options.backend === "cpu") {
    await load(import("@tensorflow/tfjs-backend-cpu" as string), packageName, options);
  } else {
    const wasm = await load<WasmModule>(import("@tensorflow/tfjs-backend-wasm" as string), packageName, options);
    if (options.wasmPath !== undefined) wasm.setWasmPaths(options.wasmPath);
  }
  await ready(tf, options.backend);
  // the cpu backend would advise a program's users to install tfjs-node, once
  const kernels: { firstUse?: boolean } | undefined = tf.engine().registry[options.backend];
  if (kernels?.firstUse !== undefined) kernels.firstUse = false;
  return { tf, backendName: options.backend, packageName };
}

interface WasmModule {
  setWasmPaths(prefix: string): void;
}

async function loadTensorflow(options: TfjsOptions): Promise<LoadedLibrary> {
  const problems: unknown[] = [];
  if (options.module !== undefined) return tensorflowOf(options.module as TfjsLibrary, "the module given");
  for (const packageName of ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"]) {
    try {
      const specifier: string = packageName; // not a literal: browsers' bundlers have no use for it
      const imported: TfjsLibrary & { default?: TfjsLibrary } = await import(specifier);
      return await tensorflowOf(imported.default ?? imported, packageName);
    } catch (error) {
      problems.push(error);
    }
  }
  throw missing("@tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu", options, problems.at(-1));
}

async function tensorflowOf(tf: TfjsLibrary, packageName: string): Promise<LoadedLibrary> {
  if (typeof tf.findBackendFactory !== "function" || !tf.findBackendFactory("tensorflow")) {
    throw new EngramError({
      code: "missing-dependency",
      operation: "openTfjs",
      message: `${packageName} has no backend tensorflow; give the module of @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu`,
    });
  }
  await ready(tf, "tensorflow");
  return { tf, backendName: "tensorflow", packageName };
}

/** Awaits an import. Those of browsers' bundles and of Node differ in where the names of a CommonJS module are. */
export async function load<T>(
  imported: Promise<T & { default?: T }>,
  packageName: string,
  options: TfjsOptions,
): Promise<T> {
  try {
    const module = await imported;
    return module.default ?? module;
  } catch (error) {
    throw missing(packageName, options, error);
  }
}

/** Initializes a backend that is registered; what is current stays. */
export async function ready(tf: TfjsLibrary, backendName: string): Promise<void> {
  const before = tf.engine().backendName;
  const found = await tf.setBackend(backendName).catch((cause: unknown) => {
    throw unavailable(backendName, cause);
  });
  if (!found) throw unavailable(backendName);
  if (before && before !== backendName && before in tf.engine().registry) await tf.setBackend(before);
}

function missing(packageName: string, { backend }: TfjsOptions, cause: unknown): EngramError {
  return new EngramError({
    code: "missing-dependency",
    operation: "openTfjs",
    message: `the backend ${backend} needs ${packageName}, which cannot be imported (${cause instanceof Error ? cause.message : String(cause)}); npm install ${packageName.split(" ")[0]}`,
    context: { packageName },
    cause,
  });
}

/** The error about a backend that tfjs has and this machine has not. */
export function unavailable(backendName: string, cause?: unknown): EngramError {
  const why = cause === undefined ? "" : ` (${cause instanceof Error ? cause.message : String(cause)})`;
  return new EngramError({
    code: "unsupported",
    operation: "openTfjs",
    message: `tfjs cannot start its backend ${backendName} here${why}; use another, such as wasm`,
    cause,
  });
}
