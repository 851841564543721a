// The engine ggml: public names.

export type { GgmlDevice } from "./devices.js";
export { inspectGgml } from "./inspect-ggml.js";
export type { WeightType } from "./library/types.js";
export { type GgmlBackend, type GgmlOptions, openGgml } from "./open-ggml.js";
export type { RuntimeFigures } from "./runtime/runtime.js";
export type { GgmlTensor } from "./tensor.js";
