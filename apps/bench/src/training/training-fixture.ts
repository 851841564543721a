// What both sides of a comparison start from, as files: parameters as a checkpoint, rows of tables, and for the side that
// does not read text itself all batches of the run with the ids of their rows. Not here: runs.

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AddressedModel,
  createAddressing,
  encodeSafetensors,
  type ModelSpec,
  type NamedTensor,
  randomParameters,
  referenceBackend,
  rowsNeeded,
  saveCheckpoint,
  type TensorData,
} from "@engram-ts/core";
import { directoryStorage } from "@engram-ts/store-file";
import { evaluationBatches, initialRows, type TokenBatch, tablesOf, tokenSource } from "@engram-ts/train";
import type { BatchSize } from "./training-run.js";
import type { TrainingText } from "./training-text.js";

/** Seed of parameters and rows. */
export const WEIGHT_SEED = 1;

/** Batches in files: `ids.bin` and `targets.bin` `[steps, rows, length]`, `rows-LAYER.bin` with row ids besides; int32. */
export interface BatchFiles extends BatchSize {
  readonly folder: string;
  readonly steps: number;
  /** Rows a token of each block with an engram. */
  readonly layers: Readonly<Record<string, number>>;
}

/** The files. */
export interface TrainingFixture {
  readonly spec: ModelSpec;
  /** Values outside the tables. */
  readonly parameters: number;
  /** Values of the tables. */
  readonly rowValues: number;
  /** The checkpoint's folder. */
  readonly checkpoint: string;
  /** A safetensors file with the tables' values. */
  readonly tables: string;
  /** Batches in the order of a seed, as many as there are steps. */
  batches(seed: number, steps: number): Promise<BatchFiles>;
  /** Whole batches of the held-out text. */
  held(tokens: number): Promise<BatchFiles>;
  /** Removes the files. */
  close(): void;
}

/** Writes parameters and rows; batches are written when they are asked for. */
export async function trainingFixture(spec: ModelSpec, text: TrainingText, size: BatchSize): Promise<TrainingFixture> {
  const folder = mkdtempSync(join(tmpdir(), "engram-training-"));
  const backend = referenceBackend();
  const parameters = new Map<string, NamedTensor>();
  for (const [name, tensor] of randomParameters(backend, spec, { seed: WEIGHT_SEED })) {
    parameters.set(name, { shape: backend.shape(tensor), values: await backend.download(tensor) });
    backend.dispose([tensor]);
  }
  const checkpoint = join(folder, "checkpoint");
  await saveCheckpoint(directoryStorage(checkpoint), spec, parameters);
  const tensors = new Map<string, TensorData>();
  for (const [layer, { rows, encoding }] of tablesOf(spec)) {
    const data = new Float32Array(rows * encoding.width);
    initialRows({ seed: WEIGHT_SEED, layer, width: encoding.width })(0, data);
    tensors.set(`blocks.${layer}.engram.table`, { dtype: "F32", shape: [rows, encoding.width], data });
  }
  const tables = join(folder, "tables.safetensors");
  writeFileSync(tables, encodeSafetensors(tensors));
  const addressing = spec.memory && createAddressing(spec.memory.addressing);
  const model: AddressedModel = { spec, ...(addressing && { addressing }), tokenMap: text.tokenMap };
  const packing = { ...size, packing: "rows" } as const;
  const count = (values: Iterable<number>) => [...values].reduce((sum, one) => sum + one, 0);
  return {
    spec,
    parameters: count([...parameters.values()].map(({ values }) => values.length)),
    rowValues: count([...tablesOf(spec).values()].map(({ rows, encoding }) => rows * encoding.width)),
    checkpoint,
    tables,
    async batches(seed, steps) {
      const source = tokenSource(text.training, { ...packing, seed });
      const taken: TokenBatch[] = [];
      for (let step = 0; step < steps; step++) taken.push(await source.next());
      return writeBatches(join(folder, `batches-${seed}`), model, size, taken);
    },
    async held(tokens) {
      return writeBatches(join(folder, "held"), model, size, heldBatches(text, size, tokens));
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The held-out text in whole batches, `tokens` at most. */
export function heldBatches(text: Pick<TrainingText, "held">, size: BatchSize, tokens: number): TokenBatch[] {
  const each = size.rows * size.length;
  const all = [...evaluationBatches(text.held, { ...size, packing: "rows", maxTokens: tokens })];
  return all.filter(({ ids }) => ids.length === each).slice(0, Math.max(1, Math.floor(tokens / each)));
}

function writeBatches(
  folder: string,
  model: AddressedModel,
  { rows, length }: BatchSize,
  batches: readonly TokenBatch[],
): BatchFiles {
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, number>();
  const append = (name: string, values: Uint32Array | Int32Array): void => {
    const file = files.get(name) ?? openSync(join(folder, name), "w");
    files.set(name, file);
    writeSync(file, values);
  };
  const layers: Record<string, number> = {};
  try {
    for (const batch of batches) {
      append("ids.bin", batch.ids);
      append("targets.bin", batch.targets);
      for (const { layer, rowIds } of rowsNeeded(model, batch)) {
        layers[layer] = rowIds.length / batch.ids.length;
        append(`rows-${layer}.bin`, rowIds);
      }
    }
  } finally {
    for (const file of files.values()) closeSync(file);
  }
  return { folder, steps: batches.length, rows, length, layers };
}
