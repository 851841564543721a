// The engine ggml: public names.

export type { GgmlDevice } from "./devices.js";
export type { GgmlBackend } from "./ggml-backend.js";
export { inspectGgml } from "./inspect-ggml.js";
export type { WeightType } from "./library/types.js";
export { type GgmlOptions, openGgml } from "./open-ggml.js";
export type { RuntimeFigures } from "./runtime/runtime.js";
export type { GgmlTensor } from "./tensor.js";
