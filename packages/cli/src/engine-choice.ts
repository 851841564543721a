// The engine that a command computes on: its options, and opening it. The exact reference is in core; engines are loaded
// only where one is asked for, so that every other command starts without them.

import { type Backend, EngramError, referenceBackend } from "@engram-ts/core";
import { type Command, InvalidArgumentError } from "commander";

/** Options of commands that compute. */
export interface EngineCommandOptions {
  readonly engine: string;
  readonly device?: string;
  readonly backend?: string;
  readonly threads?: number;
}

/** An engine, and what is to be said of it. */
export interface CommandEngine {
  readonly backend: Backend<unknown>;
  /** There where it was not simply the reference. */
  readonly chosen?: { readonly engine: string; readonly device: string; readonly why: string };
}

const ENGINES = ["auto", "ggml", "tfjs", "reference"] as const;

/** Adds the options to a command; `engine` is what it computes on where none is named. */
export function withEngineOptions(command: Command, engine: (typeof ENGINES)[number] = "reference"): Command {
  return command
    .option("--engine <name>", `what computes: ${ENGINES.join(", ")} (engram doctor lists what is there)`, engine)
    .option("--device <name>", "a device of the engine: CPU, Vulkan0, CUDA0, ...")
    .option("--backend <name>", "a backend of tfjs: wasm, webgpu, tensorflow, cpu")
    .option("--threads <count>", "threads of engines on the CPU", threads);
}

/**
 * Opens the engine.
 * @throws EngramError `invalid-argument` for a name that there is not, or options that do not go together; what
 * `openBackend` throws.
 */
export async function openEngine(options: EngineCommandOptions, operation: string): Promise<CommandEngine> {
  const { engine, device, backend, threads } = options;
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation, message });
  };
  const name =
    ENGINES.find((one) => one === engine) ?? refuse(`--engine is ${engine}; use one of ${ENGINES.join(", ")}`);
  if (backend !== undefined && name !== "tfjs") refuse(`--backend ${backend} is one of tfjs; give --engine tfjs, too`);
  if (backend !== undefined && device !== undefined) refuse("--device and --backend name the same thing; give one");
  if (name === "reference") {
    if (device !== undefined) refuse(`--device ${device}: the reference has none; give --engine ggml or auto, too`);
    return { backend: referenceBackend() as Backend<unknown> }; // its handles are opaque here
  }
  const { openBackend } = await import("@engram-ts/backend-gpu");
  const named = device ?? backend;
  const opened = await openBackend({
    engine: name,
    ...(named !== undefined && { device: named }),
    ...(threads !== undefined && { threads }),
  });
  const { choice } = opened;
  return { backend: opened, chosen: { engine: choice.engine, device: choice.device, why: choice.why } };
}

function threads(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("use a whole number from 1.");
}
