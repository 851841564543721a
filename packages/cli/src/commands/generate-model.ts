// The model that `engram generate` runs: a preset or a specification with random weights, or a checkpoint with its own.
// Not here: its tables (generate-tables.ts), which a checkpoint may have beside it.

import {
  type Backend,
  EngramError,
  loadCheckpoint,
  MODEL_PRESETS,
  type ModelPresetName,
  type ModelSpec,
  modelParameters,
  modelPreset,
  parseModelSpec,
  randomParameters,
  uploadUse,
} from "@engram-ts/core";
import { checkpointPlace } from "../checkpoint-place.js";
import { readJsonFile } from "../input-file.js";

/** Which model. */
export interface GenerateModelOptions {
  readonly preset?: string;
  readonly spec?: string;
  readonly checkpoint?: string;
  readonly seed: number;
}

/** A model whose weights are still to be put on a backend. */
export interface GenerateModel {
  readonly spec: ModelSpec;
  /** The tables that belong to its weights; undefined where they are made from the seed. */
  readonly tablesUri?: string;
  parameters<T>(backend: Backend<T>): ReadonlyMap<string, T>;
}

const SPEC_LIMIT_BYTES = 2 ** 20;

/** Models that the exact reference runs within a moment. */
export const TINY_PRESETS = Object.keys(MODEL_PRESETS).filter((name) => name.startsWith("tiny"));

/**
 * The model that the options name; a checkpoint is read whole.
 * @throws EngramError `invalid-argument` where they name none or several; what reading throws.
 */
export async function generateModel(options: GenerateModelOptions, signal: AbortSignal): Promise<GenerateModel> {
  const { preset, spec, checkpoint, seed } = options;
  const given = [preset, spec, checkpoint].filter((one) => one !== undefined);
  if (given.length !== 1) throw invalid("give either --preset NAME or --spec FILE or --checkpoint PLACE");
  if (checkpoint !== undefined) return fromCheckpoint(checkpoint, signal);
  const chosen =
    spec === undefined ? presetNamed(preset) : parseModelSpec(await readJsonFile(spec, SPEC_LIMIT_BYTES, "--spec"));
  return { spec: chosen, parameters: (backend) => randomParameters(backend, chosen, { seed }) };
}

async function fromCheckpoint(checkpoint: string, signal: AbortSignal): Promise<GenerateModel> {
  const place = await checkpointPlace(checkpoint, signal);
  try {
    const { spec, parameters } = await loadCheckpoint(place.storage);
    return {
      spec,
      tablesUri: place.tablesUri,
      parameters<T>(backend: Backend<T>) {
        const uploaded = new Map<string, T>();
        for (const parameter of modelParameters(spec)) {
          const tensor = parameters.get(parameter.name);
          if (tensor === undefined) continue; // a table
          uploaded.set(parameter.name, backend.upload(tensor.values, tensor.shape, uploadUse(parameter)));
        }
        return uploaded;
      },
    };
  } finally {
    place.close();
  }
}

function presetNamed(preset: string | undefined): ModelSpec {
  if (preset !== undefined && TINY_PRESETS.includes(preset)) return modelPreset(preset as ModelPresetName); // one of its names
  throw invalid(
    `--preset is ${JSON.stringify(preset)}; the exact engine runs small models: ${TINY_PRESETS.join(", ")}`,
  );
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "engram generate", message });
}
