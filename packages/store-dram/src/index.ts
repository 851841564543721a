// The public names of @engram-ts/store-dram.

export { type DramDriverOptions, dramDriver } from "./dram-driver.js";
export type { DramStoreOptions, InitializeRows, OpenDramStoreOptions } from "./dram-options.js";
export { type DramDiagnostics, type DramStore, dramStore, openDramStore } from "./dram-store.js";
