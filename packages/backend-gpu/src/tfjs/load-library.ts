// Imports tfjs and one of its backends, none of which is installed with this package. The specifiers of what browsers use
// are literals, which bundlers follow; types are our own (tfjs-library.ts), so that nobody needs those of tfjs.

import { EngramError } from "@engram-ts/core";
import { type LoadedLibrary, load, missing, ready } from "./import-library.js";
import { loadWebgpu } from "./load-webgpu.js";
import type { TfjsLibrary } from "./tfjs-library.js";
import type { TfjsOptions } from "./tfjs-options.js";

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
