// Opens an engine by name in a contestant's process: the exact reference, or one of backend-gpu, which is loaded only then.

import { type Backend, referenceBackend } from "@engram-ts/core";

/** Engines that are looked for where none is named. */
export const ENGINES = ["reference", "ggml", "tfjs"] as const;

/**
 * `reference`, `auto`, or an engine's name; `threads`, of processors alone.
 * @throws EngramError as `openBackend`.
 */
export async function openEngine(name: string, { threads }: { threads?: number } = {}): Promise<Backend<unknown>> {
  if (name === "reference") return referenceBackend() as Backend<unknown>; // handles are opaque to whoever calls
  const { openBackend } = await import("@engram-ts/backend-gpu");
  const engine = name as "auto" | "ggml" | "tfjs"; // it refuses other names itself
  return openBackend({ engine, ...(threads === undefined ? {} : { threads }) });
}
