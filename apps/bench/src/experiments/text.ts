// What a cell is trained on and judged by: batches of its corpus, or of a text made from it, such as sequences of keys and
// values between real ones. Not here: how corpora are prepared (prepare/), the made texts themselves (probes/).

import type { TokenBatch, TokenShards, TokenSource } from "@engram-ts/train";
import type { Cell, JsonObject } from "./cell.js";

/** A cell's text. */
export interface CellText {
  /** The identity of what is read. */
  readonly digest: string;
  /** Tokens of one reading of all of it; infinite where it never repeats. */
  readonly tokens: number;
  /** For training, without an end. */
  readonly source: TokenSource;
  /** Held out, always the same. */
  heldOut(mostTokens: number): Iterable<TokenBatch>;
}

/** The two splits of a corpus. */
export interface CorpusShards {
  readonly training: TokenShards;
  readonly heldOut: TokenShards;
}

/** Makes a text of a corpus. Deterministic in cell and options. */
export type TextMaker = (shards: CorpusShards, cell: Cell, options: JsonObject) => CellText;
