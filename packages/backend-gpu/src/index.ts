// The package's public names. Each engine has an entry of its own, too: ./ggml and ./tfjs; this one loads none of them.

export type { EngineDevice, EngineLibrary, EngineName, EngineReport } from "./engine-report.js";
