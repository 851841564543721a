// The engine tfjs: Engram models on TensorFlow.js, in browsers and under Node.

export { inspectTfjs } from "./inspect-tfjs.js";
export { openTfjs, type TfjsEngine } from "./open-tfjs.js";
export type { TfjsOptions } from "./tfjs-options.js";
export type { TfjsBackendName } from "./tfjs-runtime.js";
export type { TfjsTensor } from "./tfjs-tensor.js";
