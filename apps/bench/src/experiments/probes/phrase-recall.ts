// How well a model completes n-grams that occurred in its training text so and so often: loss and share of first guesses of
// the token that ends an n-gram, by bands of counts. Of held-out text that is recall of facts that the training text said
// elsewhere; of the training text itself, how much of its own phrases a model kept.

import type { TokenBatch } from "@engram-ts/train";
import { completedPhrases } from "./completed-phrases.js";
import { countPhrases } from "./phrase-counts.js";
import { predictions } from "./predictions.js";
import type { CountedText, ProbedModel } from "./probed-model.js";

/** Counts from which on a band begins; the last has no end. */
const PHRASE_BANDS = [0, 1, 4, 16, 64] as const;

/** What to ask. */
export interface PhraseRecallOptions {
  /** The text to complete: that of an evaluation, held out or of the training text. */
  readonly batches: Iterable<TokenBatch>;
  /** The text that the model was trained on. */
  readonly training: CountedText;
  /** Lengths of n-grams, the completed token included. Default 3 and 4. */
  readonly orders?: readonly number[];
  readonly signal?: AbortSignal;
}

/** The completions of one band. */
export interface PhraseBand {
  /** Least count of the band, and the greatest; null for none. */
  readonly from: number;
  readonly to: number | null;
  readonly tokens: number;
  /** Nats, the mean; null where there are no tokens. */
  readonly loss: number | null;
  /** Share of tokens that are the model's first guess. */
  readonly accuracy: number | null;
}

/** Bands of one order. */
export interface PhraseOrder {
  readonly order: number;
  readonly bands: readonly PhraseBand[];
}

/** See {@link phraseRecall}. */
export interface PhraseRecall {
  readonly tokens: number;
  readonly orders: readonly PhraseOrder[];
}

/** Asks a model to complete the n-grams of a text. */
export async function phraseRecall<T>(
  probed: ProbedModel<T>,
  { batches, training, orders = [3, 4], signal }: PhraseRecallOptions,
): Promise<PhraseRecall> {
  const kept = orders.map((order) => ({
    order,
    phrases: [] as number[],
    losses: [] as number[],
    hits: [] as number[],
  }));
  let tokens = 0;
  for (const batch of batches) {
    signal?.throwIfAborted();
    const { places, losses, hits } = await predictions(probed, batch);
    tokens += places.length;
    const at = new Map(Array.from(places, (place, index) => [place, index]));
    for (const own of kept) {
      const completed = completedPhrases(batch, own.order);
      for (const place of completed.places) {
        const index = at.get(place) ?? 0; // every completed phrase ends in a target that counts
        own.losses.push(losses[index] ?? 0);
        own.hits.push(hits[index] ?? 0);
      }
      for (const id of completed.phrases) own.phrases.push(id);
    }
  }
  return {
    tokens,
    orders: kept.map(({ order, phrases, losses, hits }) => {
      const counts = countPhrases(Uint32Array.from(phrases), order, training);
      return { order, bands: bandsOf(counts, losses, hits) };
    }),
  };
}

function bandsOf(counts: Uint32Array, losses: readonly number[], hits: readonly number[]): PhraseBand[] {
  return PHRASE_BANDS.map((from, band) => {
    const next = PHRASE_BANDS[band + 1];
    let [tokens, nats, guessed] = [0, 0, 0];
    for (const [i, count] of counts.entries()) {
      if (count < from || (next !== undefined && count >= next)) continue;
      tokens++;
      nats += losses[i] ?? 0;
      guessed += hits[i] ?? 0;
    }
    const share = (sum: number) => (tokens === 0 ? null : sum / tokens);
    return { from, to: next === undefined ? null : next - 1, tokens, loss: share(nats), accuracy: share(guessed) };
  });
}
