// The engines of a comparison by name, as the command line names them: `ggml`, `ggml:weights=q8_0,device=Vulkan0`,
// `tfjs:backend=wasm`, `reference`.

import { type Backend, referenceBackend } from "@engram-ts/core";

/** Options of an engine's name. */
type EngineOptions = Readonly<Record<string, string | number>>;

/** The name of an engine with options, as {@link openEngine} reads it. */
export function engineName(kind: string, options: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? kind : `${kind}:${pairs.join(",")}`;
}

/** Opens an engine by its name; throws where that fails. */
export function openEngine(name: string, threads?: number): Promise<Backend<unknown>> {
  const [kind = "", text = ""] = name.split(":", 2);
  const options: Record<string, string | number> = threads === undefined ? {} : { threads };
  for (const pair of text === "" ? [] : text.split(",")) {
    const [key = "", value = ""] = pair.split("=", 2);
    options[key] = /^\d+$/.test(value) ? Number(value) : value;
  }
  return open(kind, options);
}

/** The engines seen with options that come from a command line. */
interface Engines {
  openGgml(options: EngineOptions): Promise<Backend<unknown>>;
  openTfjs(options: EngineOptions): Promise<Backend<unknown>>;
}

async function open(kind: string, options: EngineOptions): Promise<Backend<unknown>> {
  switch (kind) {
    case "ggml": {
      const { openGgml } = (await import("@engram-ts/backend-gpu/ggml")) as unknown as Engines; // it checks its options
      return openGgml(options);
    }
    case "tfjs": {
      const { threads: _, ...rest } = options;
      const { openTfjs } = (await import("@engram-ts/backend-gpu/tfjs")) as unknown as Engines; // likewise
      return openTfjs(rest);
    }
    case "reference":
      return referenceBackend() as Backend<unknown>; // a handle goes back only to the backend that gave it
    default:
      throw new Error(`there is no engine ${kind}; use ggml, tfjs or reference`);
  }
}
