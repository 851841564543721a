// A cell: one model that is trained once and looked at, as plain JSON, so that it can be handed to a process, stored with its
// result, and told apart by its digest from what a changed experiment would train. Not here: training it (train-cell.ts).

import { createHash } from "node:crypto";
import type { JsonValue, ModelSpec } from "@engram-ts/core";
import type { TrainingConfigInput } from "@engram-ts/train";

/** Options of a probe or a text: JSON. */
export type JsonObject = { readonly [name: string]: JsonValue };

/** Something that is measured on the trained model, by the name that probes/all-probes.ts knows. */
export interface CellProbe {
  /** The probe. */
  readonly probe: string;
  readonly options: JsonObject;
  /** Its result's name in the cell's result; the probe's where left out, so that one may run twice. */
  readonly as?: string;
}

/** What is trained and measured. */
export interface Cell {
  /** `EXPERIMENT/ARM/SEED`: stable between runs. */
  readonly id: string;
  readonly experiment: string;
  /** What is compared: cells of one arm differ in their seed alone. */
  readonly arm: string;
  /** Of weights, rows and the order of the text. */
  readonly seed: number;
  /** What a report sorts and labels by: rho, slots, budget ... */
  readonly labels: Readonly<Record<string, string | number>>;
  /** A corpus that was prepared: `prose`, `code`, `factual`, `mixed`. */
  readonly corpus: string;
  /** What the text is made into before it is trained on, by the name that all-texts.ts knows; the corpus as it is where left out. */
  readonly text?: { readonly name: string; readonly options: JsonObject };
  readonly spec: ModelSpec;
  /** Parameters that begin with one value everywhere instead of their usual start, by name. */
  readonly fill?: Readonly<Record<string, number>>;
  readonly batch: { readonly rows: number; readonly length: number };
  readonly config: TrainingConfigInput;
  /** Held-out tokens that the loss is taken of. */
  readonly heldOutTokens: number;
  readonly probes: readonly CellProbe[];
}

/** The loss of a text that was not trained on. */
export interface HeldOutLoss {
  /** Nats a token. */
  readonly loss: number;
  /** `null` where the text has no bytes to count. */
  readonly bitsPerByte: number | null;
  readonly targets: number;
}

/** What a cell gave. */
export interface CellResult {
  readonly cell: Cell;
  /** Of the cell and its text: a result with another one is stale. */
  readonly digest: string;
  /** As the command line named it. */
  readonly engine: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly device: string };
  readonly commit: string;
  /** Of the whole cell, and of its steps alone. */
  readonly seconds: number;
  readonly trainSeconds: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Times that the training text was read, which is above 1 where it is short. */
  readonly epochs: number;
  readonly parameters: { readonly total: number; readonly activated: number; readonly flopsPerToken: number };
  /** Step and loss, means of neighbouring steps. */
  readonly curve: readonly (readonly [step: number, loss: number])[];
  readonly heldOut: HeldOutLoss;
  /** Results of probes, by name. */
  readonly probes: JsonObject;
}

/** The cell's name in every table and file. */
export function cellId({ experiment, arm, seed }: Pick<Cell, "experiment" | "arm" | "seed">): string {
  return `${experiment}/${arm}/${seed}`;
}

/** What makes a stored result of this cell valid: the cell, and the text that it is trained on. */
export function cellDigest(cell: Cell, textDigest: string): string {
  return createHash("sha256")
    .update(JSON.stringify([cell, textDigest]))
    .digest("hex")
    .slice(0, 16);
}
