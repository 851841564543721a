// Options of openTfjs. Types only.

import type { TfjsBackendName } from "./tfjs-runtime.js";

/** How the tfjs engine is opened. */
export interface TfjsOptions {
  /**
   * `tensorflow`: the C library, through `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`. `webgpu`: a browser's,
   * or under Node that of npm `webgpu`. `wasm`: WebAssembly with SIMD. `cpu`: plain JavaScript, for tests.
   */
  readonly backend: TfjsBackendName;
  /** For `tensorflow`: the module, where it is imported already or does not lie where packages are looked for. */
  readonly module?: object;
  /** For `webgpu`: an object such as `navigator.gpu`; else the browser's, or that of npm `webgpu`. */
  readonly gpu?: object;
  /** For `wasm` in a browser: where the `.wasm` files of `@tensorflow/tfjs-backend-wasm` are served, ending in `/`. */
  readonly wasmPath?: string;
  /**
   * Most bytes of a tensor that an operation makes for a while, 256 MiB on GPUs and 64 MiB else: scores of attention and
   * gathered experts past it are computed in parts.
   */
  readonly workBytes?: number;
}
