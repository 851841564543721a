// The package's public names. Each engine has an entry of its own, too: ./ggml and ./tfjs; this one loads them when they
// are asked for.

export type { EngineDevice, EngineLibrary, EngineName, EngineReport } from "./engine-report.js";
export { type InspectEnginesOptions, inspectEngines } from "./engine-reports.js";
export { type OpenBackendOptions, type OpenedBackend, openBackend } from "./open-backend.js";
export { type BackendChoice, bestEngine, type FasterWay } from "./open-backend-choice.js";
export type { EngineOptions } from "./open-backend-engines.js";
