// What a probe is given and what it gives: a trained model with all that it was made from, to JSON. Probes run in the process
// that trained the cell, right after it. Not here: the probes themselves (probes/).

import type { Backend, JsonValue, Model, TokenMap, WritableRowStore } from "@engram-ts/core";
import type { Tokenizer, TokenShards } from "@engram-ts/train";
import type { Cell, JsonObject } from "./cell.js";

/** A cell after its training. */
export interface TrainedCell<T> {
  readonly cell: Cell;
  readonly backend: Backend<T>;
  readonly model: Model<T>;
  /** The rows as they were trained, by block; a probe that changes some puts them back. */
  readonly tables: ReadonlyMap<number, WritableRowStore>;
  readonly tokenizer: Tokenizer;
  /** There where the model has tables. */
  readonly tokenMap: TokenMap | undefined;
  /** Text of the cell's corpus that was trained on. */
  readonly training: TokenShards;
  /** Text of the cell's corpus that was not. */
  readonly heldOut: TokenShards;
}

/** A measurement. Its result depends on the trained model and the options alone; random choices take the cell's seed. */
export interface Probe {
  readonly name: string;
  run<T>(trained: TrainedCell<T>, options: JsonObject): Promise<JsonValue>;
}
