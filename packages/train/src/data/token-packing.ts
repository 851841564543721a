// Packs documents into batches of fixed size. Documents are cut into pieces of one row's length, pieces are laid end to end
// in some order, and rows are cut out of that; a row may so hold the end of one document and the beginning of another.
// Every token of every piece comes exactly once. Targets stay within a document, also where a piece or row ends in it.
//
// What sees what: with `documents` each part of a document within a row is a sequence of its own, and neither attention nor
// n-grams look over its beginning. With `rows` a row is one sequence, as GPT was trained: attention and n-grams see what
// comes before in the row, of another document too, and learn to make nothing of it.

import { IGNORED_TARGET, type TokenBatch } from "./token-batch.js";
import type { TokenShards } from "./token-shards.js";

/** What a sequence of a batch is: a row, or a part of one document within a row. */
export type Packing = "rows" | "documents";

/** The size and form of batches. */
export interface PackingOptions {
  /** Rows of a batch. */
  readonly rows: number;
  /** Tokens of a row. */
  readonly length: number;
  /** Default `documents`. */
  readonly packing?: Packing;
}

/** Where the next token is. */
export interface PackingPlace {
  /** Place in the order of pieces. */
  piece: number;
  /** Tokens of that piece that are gone. */
  offset: number;
}

/** Documents in pieces. */
export interface Pieces {
  /** First token of each piece and the one after its last, [pieces]. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** 1 where a piece ends its document, [pieces]. */
  readonly last: Uint8Array;
}

/** Cuts documents into pieces of at most `length` tokens. */
export function cutPieces({ documentStarts }: Pick<TokenShards, "documentStarts">, length: number): Pieces {
  let count = 0;
  for (let document = 0; document + 1 < documentStarts.length; document++) {
    count += Math.ceil(((documentStarts[document + 1] ?? 0) - (documentStarts[document] ?? 0)) / length);
  }
  const pieces = { starts: new Uint32Array(count), ends: new Uint32Array(count), last: new Uint8Array(count) };
  let piece = 0;
  for (let document = 0; document + 1 < documentStarts.length; document++) {
    const end = documentStarts[document + 1] ?? 0;
    for (let start = documentStarts[document] ?? 0; start < end; start += length) {
      pieces.starts[piece] = start;
      pieces.ends[piece] = Math.min(start + length, end);
      pieces.last[piece++] = start + length >= end ? 1 : 0;
    }
  }
  return pieces;
}

/**
 * Fills one batch from `place` on, and moves it.
 * @param order the pieces to read, by their index.
 * @param nextOrder called where the order is at its end: the next one, or undefined to end with a smaller batch.
 */
export function packBatch(
  { ids: tokens, tokenizer: { byteLengths } }: Pick<TokenShards, "ids" | "tokenizer">,
  pieces: Pieces,
  options: Required<PackingOptions>,
  place: PackingPlace,
  order: Uint32Array,
  nextOrder: () => Uint32Array | undefined,
): TokenBatch {
  const { rows, length, packing } = options;
  let ids = new Uint32Array(rows * length);
  let targets = new Int32Array(rows * length);
  const sequences: number[] = [0];
  let [filled, bytes, current] = [0, 0, order];
  while (filled < ids.length) {
    if (place.piece >= current.length) {
      const next = nextOrder();
      if (next === undefined) break;
      current = next;
      place.piece = 0;
    }
    const piece = current[place.piece] ?? 0;
    const from = (pieces.starts[piece] ?? 0) + place.offset;
    const end = pieces.ends[piece] ?? 0;
    const to = Math.min(end, from + length - (filled % length));
    ids.set(tokens.subarray(from, to), filled);
    targets.set(tokens.subarray(from + 1, to + 1), filled);
    for (let token = from + 1; token < to; token++) bytes += byteLengths[tokens[token] ?? 0] ?? 0;
    filled += to - from;
    if (to === end && pieces.last[piece] === 1) targets[filled - 1] = IGNORED_TARGET;
    else bytes += byteLengths[tokens[to] ?? 0] ?? 0;
    if (packing === "documents" || filled % length === 0) sequences.push(filled);
    place.offset += to - from;
    if (to === end) {
      place.piece++;
      place.offset = 0;
    }
  }
  if (filled < ids.length) {
    ids = ids.slice(0, filled);
    targets = targets.slice(0, filled);
    if (sequences.at(-1) !== filled) sequences.push(filled);
  }
  return { ids, targets, cumulativeLengths: Uint32Array.from(sequences), bytes };
}
