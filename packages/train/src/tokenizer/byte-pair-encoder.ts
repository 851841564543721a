// Encodes with a byte-level BPE tokenizer.json: pieces as the pre-tokenizer cuts them, each merged by rank, then
// remembered, since most pieces of a corpus come again. Gives what Hugging Face `tokenizers` gives. For tokenizers of other
// kinds there is no encoder here, and the library encodes (tokenizer.ts).

import { binaryHeap } from "./binary-heap.js";
import { byteAlphabet, toByteCharacters } from "./byte-alphabet.js";
import { type PreTokenizer, parsePreTokenizer } from "./pre-tokenizer.js";

/** Appends the ids of a text without added tokens. */
export type PieceEncoder = (text: string, out: number[]) => void;

/** The model of a tokenizer.json, ready to merge. */
interface Merges {
  /** The id of each byte's character. */
  readonly idOfUnit: ReadonlyMap<string, number>;
  /** By pair of ids: rank and id of the merged pair as one number, rank first. */
  readonly ranks: ReadonlyMap<number, number>;
  /** Ids by string, where a piece that is a token needs no merging. */
  readonly whole: ReadonlyMap<string, number> | undefined;
}

/** Pieces remembered, and the longest of them in characters: bounds of the memory that texts can take. */
const REMEMBERED_PIECES = 200_000;
const REMEMBERED_LENGTH = 64;

const IDS = 2 ** 24;

/** The encoder of a tokenizer.json that `parseTokenizerJson` accepts; undefined where its kind is not exact here. */
export function bytePairEncoder(json: Record<string, unknown>): PieceEncoder | undefined {
  const split = parsePreTokenizer(json.pre_tokenizer);
  const merges = parseMerges(json.model as Record<string, unknown>); // an object: parseTokenizerJson has read it
  if (split === undefined || merges === undefined || !isIdentity(json.normalizer)) return undefined;
  return pieceEncoder(split, merges);
}

function isIdentity(normalizer: unknown): boolean {
  if (normalizer === null || normalizer === undefined) return true;
  const { type, normalizers } = normalizer as Record<string, unknown>; // JSON: each field is checked here
  return type === "Sequence" && Array.isArray(normalizers) && normalizers.length === 0;
}

function parseMerges(model: Record<string, unknown>): Merges | undefined {
  const { vocab, merges } = model;
  const plain =
    (model.type ?? "BPE") === "BPE" && !model.dropout && !model.continuing_subword_prefix && !model.end_of_word_suffix;
  if (!plain || !Array.isArray(merges)) return undefined;
  const ids = new Map(Object.entries(vocab as Record<string, number>)); // checked by parseTokenizerJson
  const idOfUnit = new Map<string, number>();
  for (const unit of byteAlphabet()) {
    const id = ids.get(unit);
    if (id === undefined) return undefined; // a byte without a token is dropped by the reference
    idOfUnit.set(unit, id);
  }
  const ranks = new Map<number, number>();
  for (const [rank, merge] of merges.entries()) {
    const [left, right, more] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const [a, b, merged] = [ids.get(left), ids.get(right), ids.get(left + right)];
    if (a === undefined || b === undefined || merged === undefined || more !== undefined) return undefined;
    ranks.set(a * IDS + b, rank * IDS + merged);
  }
  return { idOfUnit, ranks, whole: model.ignore_merges === true ? ids : undefined };
}

function pieceEncoder(split: PreTokenizer, merges: Merges): PieceEncoder {
  const remembered = new Map<string, readonly number[]>();
  return (text, out) => {
    for (const piece of split(text)) {
      let ids = remembered.get(piece);
      if (ids === undefined) {
        ids = mergePiece(toByteCharacters(piece), merges);
        if (piece.length <= REMEMBERED_LENGTH) {
          if (remembered.size >= REMEMBERED_PIECES) remembered.clear();
          remembered.set(piece, ids);
        }
      }
      for (const id of ids) out.push(id);
    }
  };
}

/** A pair of neighbours that may merge: where, both ids as they were, rank and id of the merged one. */
interface Pair {
  readonly at: number;
  readonly left: number;
  readonly right: number;
  readonly rank: number;
}

/** Merges neighbours of the lowest rank first, the leftmost of equals, in O(n log n). */
function mergePiece(units: string, { idOfUnit, ranks, whole }: Merges): readonly number[] {
  const token = whole?.get(units);
  if (token !== undefined) return [token];
  const ids = Int32Array.from(units, (unit) => idOfUnit.get(unit) ?? 0);
  // A list of places: a merged pair stays at its left place, and -1 stands at places that are gone.
  const next = Int32Array.from(ids, (_, at) => at + 1);
  const previous = Int32Array.from(ids, (_, at) => at - 1);
  const queue = binaryHeap<Pair>((a, b) => (a.rank !== b.rank ? a.rank < b.rank : a.at < b.at));
  const consider = (at: number): void => {
    const [left = -1, right = -1] = [ids[at], ids[next[at] ?? ids.length]];
    const rank = left < 0 || right < 0 ? undefined : ranks.get(left * IDS + right);
    if (rank !== undefined) queue.push({ at, left, right, rank });
  };
  for (let at = 0; at + 1 < ids.length; at++) consider(at);
  for (let pair = queue.pop(); pair !== undefined; pair = queue.pop()) {
    const gone = next[pair.at] ?? ids.length;
    if (ids[pair.at] !== pair.left || ids[gone] !== pair.right) continue; // one of them has merged since
    ids[pair.at] = pair.rank % IDS;
    ids[gone] = -1;
    const after = next[gone] ?? ids.length;
    next[pair.at] = after;
    if (after < ids.length) previous[after] = pair.at;
    const before = previous[pair.at] ?? -1;
    if (before >= 0) consider(before);
    consider(pair.at);
  }
  return Array.from(ids.filter((id) => id >= 0));
}
