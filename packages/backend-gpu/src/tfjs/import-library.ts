// Importing a module of tfjs that may not be there, and readying a backend of it, with the errors that say what to install
// or to use instead. Not here: which modules a backend needs (load-library.ts, load-webgpu.ts).

import { EngramError } from "@engram-ts/core";
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

/** The error about a package that cannot be imported. */
export function missing(packageName: string, { backend }: TfjsOptions, cause: unknown): EngramError {
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
