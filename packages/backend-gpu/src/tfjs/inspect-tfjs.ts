// What of tfjs is installed and works here: each backend is opened, and closed again. For inspectEngines and
// `engram doctor`. Nothing is downloaded, and what is not there is a line of the report, not an error.

import { isEngramError } from "@engram-ts/core";
import type { EngineDevice, EngineLibrary, EngineReport } from "../engine-report.js";
import { openTfjs } from "./open-tfjs.js";
import type { TfjsBackendName } from "./tfjs-runtime.js";

interface Looked {
  readonly library: EngineLibrary;
  readonly device?: EngineDevice;
}

/** Backends with the package that gives each, the fastest first. */
const BACKENDS: readonly {
  backend: TfjsBackendName;
  name: string;
  kind: EngineDevice["kind"];
  gives: string;
  install: string;
}[] = [
  {
    backend: "tensorflow",
    name: "@tensorflow/tfjs-node",
    kind: "cpu",
    gives: "TensorFlow's C library, on the CPU or with CUDA",
    install: "@tensorflow/tfjs-node-gpu, or @tensorflow/tfjs-node",
  },
  {
    backend: "webgpu",
    name: "@tensorflow/tfjs-backend-webgpu",
    kind: "gpu",
    gives: "GPUs by WebGPU",
    install: "@tensorflow/tfjs-core @tensorflow/tfjs-backend-webgpu webgpu",
  },
  {
    backend: "wasm",
    name: "@tensorflow/tfjs-backend-wasm",
    kind: "cpu",
    gives: "CPU by WebAssembly",
    install: "@tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm",
  },
  {
    backend: "cpu",
    name: "@tensorflow/tfjs-backend-cpu",
    kind: "cpu",
    gives: "CPU in plain JavaScript, for tests",
    install: "@tensorflow/tfjs-core @tensorflow/tfjs-backend-cpu",
  },
];

/** Looks for tfjs and its backends. Never throws. */
export async function inspectTfjs(): Promise<EngineReport> {
  const looked: Looked[] = [];
  for (const one of BACKENDS) looked.push(await look(one)); // one after the other: tfjs readies one at a time
  const devices = looked.flatMap(({ device }) => (device === undefined ? [] : [device]));
  const rank = ({ kind }: EngineDevice): number => ["gpu", "cpu", "software"].indexOf(kind);
  return {
    engine: "tfjs",
    libraries: looked.map(({ library }) => library),
    devices: devices.toSorted((a, b) => rank(a) - rank(b)),
  };
}

async function look({ backend, name, kind, gives, install }: (typeof BACKENDS)[number]): Promise<Looked> {
  try {
    const engine = await openTfjs({ backend });
    const { device, version } = engine;
    await engine.close();
    return { library: { name: device.library ?? name, kind, state: "ready", version, gives }, device };
  } catch (error) {
    const missing = isEngramError(error, "missing-dependency");
    const problem = error instanceof Error ? error.message : String(error);
    const mend = missing ? `npm install ${install}` : "use another backend, such as wasm";
    return { library: { name, kind, state: missing ? "missing" : "broken", gives, problem, mend } };
  }
}
