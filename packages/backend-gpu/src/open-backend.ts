// One door to all engines: by name, by device, or the best that works here. Engines are loaded where they are asked for,
// and not before. Not here: the engines (ggml/, tfjs/), and which is the best (open-backend-choice.ts).

import { type Backend, EngramError, isEngramError } from "@engram-ts/core";
import type { EngineName, EngineReport } from "./engine-report.js";
import { inspectEngines } from "./engine-reports.js";
import {
  allDevices,
  type BackendChoice,
  type DeviceChoice,
  devicesNamed,
  fasterThan,
  labelOf,
  rankedDevices,
  reasonFor,
} from "./open-backend-choice.js";
import { ENGINE_NAMES, ENGINES, type EngineOptions } from "./open-backend-engines.js";

/** Options of {@link openBackend}. */
export interface OpenBackendOptions extends EngineOptions {
  /** `auto`, the default, takes the best that is installed and works. */
  readonly engine?: "auto" | EngineName;
}

/** A backend that says how it was chosen. Its handles are opaque; close it as any other. */
export type OpenedBackend = Backend<unknown> & { readonly choice: BackendChoice };

/**
 * Opens an engine.
 * @throws EngramError `invalid-argument` for an engine or a device that there is not, `missing-dependency` where a library
 * is not installed (it says what to install), `unsupported` for a library of another version or where a second backend is
 * more than the engine can have, `out-of-memory`.
 * @example
 * const backend = await openBackend();
 * console.log(backend.choice.engine, backend.choice.why);
 */
export async function openBackend(options: OpenBackendOptions = {}): Promise<OpenedBackend> {
  const { engine = "auto", device } = options;
  if (engine !== "auto" && !ENGINE_NAMES.includes(engine)) {
    throw refused(`engine is ${JSON.stringify(engine)}; use auto, ${ENGINE_NAMES.join(", ")}`);
  }
  if (device !== undefined && typeof device !== "string")
    throw refused("device is no name; use one of inspectEngines()");
  if (engine === "auto" && device === undefined) return openBest(options);
  const engines = engine === "auto" ? ENGINE_NAMES : [engine];
  const reports = await inspectEngines({ engines, ...(options.ggml && { ggml: options.ggml }) });
  const [candidate] = device === undefined ? allDevices(reports) : devicesNamed(reports, device);
  if (candidate !== undefined) return openOne(candidate.engine, candidate, options, reports);
  // without any device the engine itself says what is missing
  if (engine !== "auto" && reports.every(({ devices }) => devices.length === 0)) {
    return openOne(engine, undefined, options, reports);
  }
  throw refused(`device is ${JSON.stringify(device)}; there are ${listed(reports)}`);
}

type Passed = BackendChoice["passed"][number][];

/** The first of all that opens. Nothing is better than ggml on a GPU: where that opens, no other engine is loaded. */
async function openBest(options: OpenBackendOptions): Promise<OpenedBackend> {
  const inspect = (engines: readonly EngineName[]) =>
    inspectEngines({ engines, ...(options.ggml && { ggml: options.ggml }) });
  const passed: Passed = [];
  const ggml = await inspect(["ggml"]);
  const gpus = rankedDevices(ggml).filter(({ device }) => device.kind === "gpu");
  const best = await openFirst(gpus, ggml, options, passed);
  if (best !== undefined) return best;
  const reports = [...ggml, ...(await inspect(["tfjs", "reference"]))];
  const left = rankedDevices(reports).filter((one) => !gpus.some(({ device }) => device === one.device));
  const next = await openFirst(left, reports, options, passed);
  if (next !== undefined) return next;
  const problems = passed.map(({ engine, device, problem }) => `${engine} ${device}: ${problem}`);
  throw refused(`nothing opened: ${problems.join("; ")}`);
}

/** Opens the first that opens, and notes those that do not; a mistake in the options ends it. */
async function openFirst(
  candidates: readonly DeviceChoice[],
  reports: readonly EngineReport[],
  options: OpenBackendOptions,
  passed: Passed,
): Promise<OpenedBackend | undefined> {
  for (const candidate of candidates) {
    const { engine, device } = candidate;
    try {
      return await openOne(engine, candidate, options, reports, [...passed]);
    } catch (error) {
      if (!isEngramError(error) || error.code === "invalid-argument") throw error;
      passed.push({ engine, device: device.name, problem: error.message });
    }
  }
  return undefined;
}

async function openOne(
  engine: EngineName,
  chosen: DeviceChoice | undefined,
  options: OpenBackendOptions,
  reports: readonly EngineReport[],
  passed: BackendChoice["passed"] = [],
): Promise<OpenedBackend> {
  const { threads, ggml, tfjs } = options;
  const device = chosen?.device.name ?? options.device;
  const backend = await ENGINES[engine].open({
    ...(device !== undefined && { device }),
    ...(threads !== undefined && { threads }),
    ...(ggml !== undefined && { ggml }),
    ...(tfjs !== undefined && { tfjs }),
  });
  const asked = options.engine === engine || options.device !== undefined;
  const choice: BackendChoice = {
    engine,
    device: device ?? engine,
    why: chosen === undefined || asked ? "as asked for" : reasonFor(chosen),
    passed,
    faster: chosen === undefined ? [] : fasterThan(chosen, reports),
  };
  return Object.assign(backend, { choice });
}

function listed(reports: readonly EngineReport[]): string {
  const names = reports.flatMap(({ engine, devices }) => devices.map((device) => `${engine} ${labelOf(device)}`));
  return names.length === 0 ? "none" : names.join(", ");
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "openBackend", message });
}
