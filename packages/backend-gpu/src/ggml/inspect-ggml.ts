// What ggml finds on this machine, for `inspectEngines` and `engram doctor`: which packages are installed, whether the one
// that would be used loads and is the right version, and the devices that it sees. Never throws.

import { isEngramError } from "@engram-ts/core";
import type { EngineLibrary, EngineReport } from "../engine-report.js";
import { foundDevices, isSoftware } from "./devices.js";
import {
  findLibrary,
  GGML_VERSION,
  installedLibraries,
  PACKAGE_VERSION,
  packageNames,
} from "./library/find-library.js";
import { type Library, loadLibrary } from "./library/load-library.js";
import { choosePrecision, type GgmlOptions } from "./open-ggml.js";

/** Looks around. The library that would be used is loaded, and stays. */
export async function inspectGgml(options: Pick<GgmlOptions, "library" | "precision"> = {}): Promise<EngineReport> {
  const [library, problem] = attempt(() => {
    choosePrecision(options.precision ?? "exact");
    return loadLibrary(options.library);
  });
  const installed = new Set(installedLibraries().map(({ from }) => from));
  const used = library?.from.from ?? attempt(() => findLibrary(options.library).from)[0];
  const named = used !== undefined && !packageNames().includes(used) ? [used] : [];
  const libraries = [
    ...(used === undefined ? wrongFolder(options.library, problem) : []),
    ...[...named, ...packageNames()].map((name) =>
      libraryOf(name, { installed: installed.has(name) || name === used, used: name === used, library, problem }),
    ),
  ];
  const devices = library === undefined ? [] : devicesOf(library);
  return { engine: "ggml", libraries, devices };
}

interface Found {
  readonly installed: boolean;
  readonly used: boolean;
  readonly library: Library | undefined;
  readonly problem: unknown;
}

function libraryOf(name: string, { installed, used, library, problem }: Found): EngineLibrary {
  const kind = /vulkan|cuda|metal/.test(name) ? "gpu" : "cpu";
  const facts = { name, kind, gives: givesOf(name), expectedVersion: GGML_VERSION } as const;
  const install = `npm install ${name}@${PACKAGE_VERSION}`;
  if (!installed) return { ...facts, state: "missing", mend: install };
  if (!used || problem === undefined) {
    return { ...facts, state: "ready", ...(used && library !== undefined && { version: library.version }) };
  }
  const state = isEngramError(problem) && problem.code === "unsupported" ? "other-version" : "broken";
  return { ...facts, state, problem: messageOf(problem), mend: install };
}

/** A folder that was named and holds no library. */
function wrongFolder(folder: string | undefined, problem: unknown): readonly EngineLibrary[] {
  const name = folder === undefined ? "ENGRAM_GGML_LIB" : "options.library";
  const { ENGRAM_GGML_LIB: named = "" } = process.env;
  if (folder === undefined && named === "") return []; // nothing is installed
  const gives = givesOf(name);
  const mend = `name a folder that holds ggml's libraries, or leave ${name} out`;
  return [{ name, kind: "cpu", gives, state: "broken", problem: messageOf(problem), mend }];
}

function messageOf(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}

function givesOf(name: string): string {
  if (name.includes("vulkan")) return "GPUs of NVIDIA, AMD and Intel by Vulkan, and the CPU";
  if (name.includes("cuda")) return "NVIDIA GPUs by CUDA, and the CPU";
  if (name.includes("metal")) return "Apple's GPU by Metal, and the CPU";
  return name.startsWith("@") ? "the CPU" : "what its folder holds";
}

function devicesOf(library: Library): EngineReport["devices"] {
  const rank = { gpu: 0, cpu: 1, software: 2 };
  return foundDevices(library)
    .map((device) => ({
      name: device.name,
      kind: isSoftware(device) ? ("software" as const) : device.kind,
      description: device.description,
      library: library.from.from,
      memoryBytes: device.memoryBytes,
      freeBytes: device.freeBytes,
    }))
    .sort((a, b) => rank[a.kind] - rank[b.kind]);
}

function attempt<T>(run: () => T): readonly [T | undefined, unknown] {
  try {
    return [run(), undefined];
  } catch (error) {
    return [undefined, error];
  }
}
