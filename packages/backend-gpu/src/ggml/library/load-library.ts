// Loads ggml, once a process: its registry of devices is global, so a second folder is refused. Checks what was loaded
// before anything is computed (abi.ts).

import { createRequire } from "node:module";
import { EngramError, isEngramError } from "@engram-ts/core";
import type * as Koffi from "koffi";
import { checkAbi } from "./abi.js";
import { type Bindings, bind } from "./bindings.js";
import { findLibrary, type LibraryFolder } from "./find-library.js";
import { loadNativeKernels, type NativeKernels } from "./native-kernels.js";

/** ggml, loaded and checked. */
export interface Library {
  readonly bindings: Bindings;
  readonly from: LibraryFolder;
  readonly version: string;
  readonly koffi: typeof Koffi;
  /** Kernels of this package for the CPU device, where the machine can run them. */
  readonly kernels: NativeKernels | undefined;
  /** What keeps the libraries loaded. */
  readonly handles: readonly Koffi.LibraryHandle[];
}

let loaded: Library | undefined;

/**
 * The library of a folder, or of the best package installed.
 * @throws EngramError `missing-dependency` where there is none or it cannot be loaded, `unsupported` where it is another
 * version than the bindings were written for, `invalid-argument` where another folder is loaded in this process.
 */
export function loadLibrary(folder?: string): Library {
  const from = loaded !== undefined && folder === undefined ? loaded.from : findLibrary(folder);
  if (loaded !== undefined) {
    if (loaded.from.folder === from.folder) return loaded;
    throw refused(
      "invalid-argument",
      `ggml is loaded from ${loaded.from.folder} in this process; ${from.folder} needs another process`,
    );
  }
  const koffi = loadKoffi();
  try {
    const base = koffi.load(from.base, { global: true });
    const registry = koffi.load(from.registry, { global: true });
    const bindings = bind(koffi, base, registry);
    checkAbi(bindings, from);
    // any C function that takes no notice of its arguments: what ggml has to say is in its results
    if (!process.env.ENGRAM_GGML_LOG) bindings.ggml_log_set(base.symbol("ggml_time_init", "void*"), 0n);
    bindings.ggml_backend_load_all_from_path(from.folder);
    const kernels = loadNativeKernels(koffi);
    loaded = { bindings, from, version: bindings.ggml_version(), koffi, kernels, handles: [base, registry] };
    return loaded;
  } catch (error) {
    if (isEngramError(error)) throw error;
    throw refused(
      "missing-dependency",
      `the ggml library in ${from.folder} (${from.from}) cannot be loaded; install the package again, or one for this platform`,
      error,
    );
  }
}

function loadKoffi(): typeof Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as typeof Koffi; // the package's own type
  } catch (error) {
    throw refused("missing-dependency", "the engine ggml calls its library through koffi; npm install koffi", error);
  }
}

function refused(code: "missing-dependency" | "invalid-argument", message: string, cause?: unknown): EngramError {
  return new EngramError({ code, operation: "openGgml", message, ...(cause !== undefined && { cause }) });
}
