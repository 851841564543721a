// What all engines find on this machine. Each is loaded for it and makes its own report; one that cannot even be loaded
// here, such as ggml in a browser, has a report that says so. Not here: choosing (open-backend-choice.ts).

import type { EngineName, EngineReport } from "./engine-report.js";
import { ENGINE_NAMES, ENGINES, type EngineOptions } from "./open-backend-engines.js";

/** Options of {@link inspectEngines}. */
export interface InspectEnginesOptions {
  /** Only these; default all. */
  readonly engines?: readonly EngineName[];
  /** A folder of libraries, and the precision that ggml is to be loaded with, where they are not the default. */
  readonly ggml?: EngineOptions["ggml"];
}

/**
 * Reports of the engines: libraries, versions, devices, what is missing and how to get it. It loads what is installed, and
 * never fails: an engine that does has a report without devices that says why.
 * @example
 * for (const { engine, devices } of await inspectEngines()) console.log(engine, devices);
 */
export async function inspectEngines(options: InspectEnginesOptions = {}): Promise<EngineReport[]> {
  const { engines = ENGINE_NAMES, ggml } = options;
  const reports: EngineReport[] = [];
  for (const engine of ENGINE_NAMES) {
    if (engines.includes(engine)) reports.push(await inspected(engine, { ...(ggml && { ggml }) }));
  }
  return reports;
}

async function inspected(engine: EngineName, options: EngineOptions): Promise<EngineReport> {
  try {
    return await ENGINES[engine].inspect(options);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const library = { name: engine, state: "broken", kind: "cpu", gives: "the engine itself", problem } as const;
    return { engine, libraries: [library], devices: [] };
  }
}
