// Batches for training without end: every epoch each piece of each document once, in an order that the seed and the epoch
// determine. Its state is a few numbers, and going on from it gives the same batches. Several workers read disjoint parts
// that together are the epoch.

import { EngramError } from "@engram-ts/core";
import { shuffledOrder } from "./shuffle.js";
import type { TokenSource } from "./token-batch.js";
import { cutPieces, type PackingOptions, packBatch } from "./token-packing.js";
import { checkedPacking } from "./token-packing-options.js";
import type { TokenShards } from "./token-shards.js";

/** Options of {@link tokenSource}. */
export interface TokenSourceOptions extends PackingOptions {
  /** Determines the order. Default 0. */
  readonly seed?: number;
  /** Which of how many readers this is: each reads its own part of every epoch. Default the only one. */
  readonly worker?: { readonly index: number; readonly count: number };
}

/** What a state must have in common with the source that it is given to. */
interface Settings {
  readonly digest: string;
  readonly rows: number;
  readonly length: number;
  readonly packing: string;
  readonly seed: number;
  readonly worker: number;
  readonly workers: number;
}

const operation = "tokenSource";

/**
 * Batches of a split, shuffled anew each epoch.
 * @throws EngramError `invalid-argument` where an option is out of range, or there are fewer pieces than workers. `restore`
 * throws `manifest-mismatch` naming what differs between the state and this source, `invalid-argument` for no state.
 * @example
 * const source = tokenSource(await openTokenShards("tokens", "training"), { rows: 8, length: 256, seed: 1 });
 */
export function tokenSource(shards: TokenShards, options: TokenSourceOptions): TokenSource {
  const packing = checkedPacking(options, operation);
  const { seed = 0, worker = { index: 0, count: 1 } } = options;
  const pieces = cutPieces(shards, packing.length);
  checkOptions(seed, worker, pieces.starts.length);
  const settings: Settings = {
    digest: shards.digest,
    ...packing,
    seed,
    worker: worker.index,
    workers: worker.count,
  };
  const orderOf = (epoch: number): Uint32Array => {
    const order = shuffledOrder(pieces.starts.length, seed, epoch);
    return worker.count === 1 ? order : order.filter((_, place) => place % worker.count === worker.index);
  };
  let epoch = 0;
  let order = orderOf(epoch);
  let place = { piece: 0, offset: 0 };
  return {
    next: () =>
      packBatch(shards, pieces, packing, place, order, () => {
        order = orderOf(++epoch);
        return order;
      }),
    state: () => ({ ...settings, epoch, ...place }),
    restore(state) {
      const found = checkedState(state, settings);
      const restored = orderOf(found.epoch);
      const piece = restored[found.piece] ?? 0;
      const pieceLength = (pieces.ends[piece] ?? 0) - (pieces.starts[piece] ?? 0);
      // After the last piece of an epoch the next batch begins the next one.
      const fits = found.piece === restored.length ? found.offset === 0 : found.offset < pieceLength;
      if (found.piece > restored.length || !fits) throw noState("its place is outside the epoch");
      epoch = found.epoch;
      order = restored;
      place = { piece: found.piece, offset: found.offset };
    },
  };
}

function checkOptions(seed: number, { index, count }: { index: number; count: number }, pieces: number): void {
  const refuse = (message: string): EngramError => new EngramError({ code: "invalid-argument", operation, message });
  if (!Number.isSafeInteger(seed) || seed < 0) throw refuse(`seed is ${String(seed)}; use a whole number from 0`);
  if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(index) || index < 0 || index >= count) {
    throw refuse(`worker is ${String(index)} of ${String(count)}; count workers from 0 to one less than their number`);
  }
  if (pieces < count)
    throw refuse(`${count} workers share ${pieces} pieces of text; use fewer workers or shorter rows`);
}

function checkedState(state: unknown, settings: Settings): { epoch: number; piece: number; offset: number } {
  if (typeof state !== "object" || state === null) throw noState("it is no object");
  const fields = state as Record<string, unknown>; // any JSON object: each field is checked here
  for (const [name, value] of Object.entries(settings)) {
    if (fields[name] === value) continue;
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "tokenSource.restore",
      message: `the state was taken with ${name} ${String(fields[name])}, and this source has ${String(value)}; open the same shards with the same options`,
      context: { name, expected: value, found: fields[name] },
    });
  }
  const whole = (name: string): number => {
    const value = fields[name];
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32) return value;
    throw noState(`${name} is ${String(value)}`);
  };
  return { epoch: whole("epoch"), piece: whole("piece"), offset: whole("offset") };
}

function noState(what: string): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation: "tokenSource.restore",
    message: `this is no state of a token source: ${what}; give what state() returned`,
  });
}
