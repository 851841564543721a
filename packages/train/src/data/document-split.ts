// Which documents are for training and which for validation: by their content and a seed, so that neither the order of
// files nor a document more elsewhere moves one from one side to the other, as far as sizes allow.
// Not a split of tokens: a document is whole on one side, so that no validation text was seen in training.

import { createHash } from "node:crypto";
import { EngramError } from "@engram-ts/core";
import type { CorpusDocument } from "./corpus.js";

/** Documents for two uses. */
export interface DocumentSplit {
  readonly training: readonly CorpusDocument[];
  readonly validation: readonly CorpusDocument[];
}

/**
 * Sets documents aside for validation: in the order of a seeded hash of their content, until they hold at least
 * `fraction` of all text. Both sides keep the documents' order, and each gets at least one.
 * @param fraction of the text, from 0 (none) to 0.5.
 * @throws EngramError `invalid-argument` where there are too few documents or the fraction is out of range.
 */
export function splitDocuments(documents: readonly CorpusDocument[], fraction: number, seed: number): DocumentSplit {
  if (!(fraction >= 0 && fraction <= 0.5)) {
    throw refuse(`the fraction for validation is ${String(fraction)}; use a number from 0 to 0.5`, { fraction });
  }
  if (fraction === 0) return { training: documents, validation: [] };
  if (documents.length < 2) {
    throw refuse(
      `${documents.length} document cannot be split into training and validation; give more files, lower maxDocumentLength of loadCorpus so that it is cut, or set aside 0`,
      { documents: documents.length },
    );
  }
  const ranked = documents
    .map(({ sha256, text }, index) => ({ index, length: text.length, rank: rankOf(seed, sha256) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const wanted = fraction * ranked.reduce((sum, { length }) => sum + length, 0);
  const chosen = new Set<number>();
  let length = 0;
  for (const document of ranked) {
    if ((length >= wanted && chosen.size > 0) || chosen.size === documents.length - 1) break;
    chosen.add(document.index);
    length += document.length;
  }
  return {
    training: documents.filter((_, index) => !chosen.has(index)),
    validation: documents.filter((_, index) => chosen.has(index)),
  };
}

function rankOf(seed: number, digest: string): string {
  return createHash("sha256").update(`${seed}:${digest}`).digest("hex");
}

function refuse(message: string, context: Readonly<Record<string, unknown>>): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "splitDocuments", message, context });
}
