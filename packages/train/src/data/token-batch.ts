// One step's tokens, and the place that they come from: what a trainer and an evaluation need to know of data.
// Not here: how text becomes tokens (tokenizer/), shards and shuffling (token-shards.ts, token-source.ts).
// Ids and targets are the tokenizer's; a token map compresses them for the tables only, within the model.

/** A target that counts for nothing: the last token of a document or row has no next one. */
export const IGNORED_TARGET = -100;

/** Packed sequences and what follows each of their tokens. */
export interface TokenBatch {
  /** Token ids of all sequences, one after the other, [tokens]. */
  readonly ids: Uint32Array;
  /** The next token of each token, [tokens]; {@link IGNORED_TARGET} where there is none to predict. */
  readonly targets: Int32Array;
  /** Where sequences begin, and at the end the number of tokens, [sequences + 1]; rows or documents. */
  readonly cumulativeLengths: Uint32Array;
  /** UTF-8 bytes of the text of the targets that count: what bits per byte are divided by. */
  readonly bytes: number;
}

/** Batches one after the other, from a place that can be written down and gone back to. */
export interface TokenSource {
  /** The next batch. A training source has no end. */
  next(): TokenBatch | Promise<TokenBatch>;
  /** Where the source stands, as JSON: {@link TokenSource.restore} of it makes `next` go on from here, bit for bit. */
  state(): unknown;
  /** Goes back to a `state()`, of this source or of one opened alike. */
  restore(state: unknown): void;
}
