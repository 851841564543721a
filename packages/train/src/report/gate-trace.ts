// What a trained model's gates do on a text: how far each stream of each block lets a token's rows in, and which n-gram's
// rows give most of what comes in. Runs a model forward once. Not here: how that is shown (gate-figure.ts).

import {
  awaitRows,
  compressIds,
  EngramError,
  forward,
  forwardWithRows,
  type Model,
  openScope,
  packTokens,
  type RowStore,
  rowsNeeded,
} from "@engram-ts/core";

/** The n-gram of one order at a token. */
export interface TracedNgram {
  readonly order: number;
  /** The ids that were hashed, oldest first; compressed where the model has a token map. */
  readonly ids: readonly number[];
  /** Norm of what its rows give to the value: value.weight times the rows of this order, without the bias. */
  readonly contribution: number;
}

/** A block's gates on a text. */
export interface TracedLayer {
  readonly layer: number;
  readonly streams: number;
  /** Gates, `[tokens, streams]`, 0 to 1. */
  readonly gates: Float32Array;
  /** By token, then by order. */
  readonly ngrams: readonly (readonly TracedNgram[])[];
}

/**
 * Traces the gates of every block with an engram.
 * @param ids raw token ids, `[T]`, one sequence.
 * @throws EngramError `invalid-argument` for a model without tables, or no tokens; what reading rows throws.
 */
export async function traceGates<T>(
  model: Model<T>,
  ids: Uint32Array,
  tables: ReadonlyMap<number, RowStore>,
): Promise<readonly TracedLayer[]> {
  const { backend, spec, addressing, tokenMap } = model;
  if (addressing === undefined || ids.length === 0) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "traceGates",
      message:
        addressing === undefined
          ? "the model has no block with an engram, so there are no gates to trace"
          : "there are no tokens to trace; give a text of one token or more",
    });
  }
  const tokens = packTokens([ids]);
  const rows = rowsNeeded(model, tokens);
  const memory = await awaitRows(model, rows, { tables });
  const scope = openScope(backend);
  try {
    const last = Uint32Array.of(ids.length - 1);
    const { reports } = forwardWithRows(forward(model, scope.calls, { ...tokens, rows, outputs: last }), memory);
    const hashed = tokenMap === undefined ? ids : compressIds(tokenMap, ids);
    const traced: TracedLayer[] = [];
    for (const { layer } of rows) {
      const gates = reports.get(`blocks.${layer}.engram.gates`);
      const weight = model.parameters.get(`blocks.${layer}.engram.value.weight`);
      const read = memory.get(layer);
      if (gates === undefined || weight === undefined || read === undefined) continue; // each block with rows has them
      const values = await backend.download(read); // [T, w]
      const value = await backend.download(weight); // [d, w]
      const found = Array.from(ids, (_, t) => addressing.ngrams(layer, hashed, t));
      const width = values.length / ids.length;
      const ngrams = found.map((orders, t) => {
        const heads = orders.reduce((sum, { rowIds }) => sum + rowIds.length, 0);
        let head = 0;
        return orders.map(({ order, context, rowIds }) => {
          const from = (head * width) / heads;
          head += rowIds.length;
          const part = { from: from + t * width, at: from, count: (rowIds.length * width) / heads, width };
          return { order, ids: context.toReversed(), contribution: contributionOf(values, value, part) };
        });
      });
      traced.push({ layer, streams: spec.streams.count, gates: await backend.download(gates), ngrams });
    }
    return traced;
  } finally {
    scope.close();
    backend.dispose(memory.values());
  }
}

/** The n-gram whose rows give most at a token. */
export function firedNgram(ngrams: readonly TracedNgram[]): TracedNgram | undefined {
  return ngrams.reduce<TracedNgram | undefined>(
    (best, one) => (best === undefined || one.contribution > best.contribution ? one : best),
    undefined,
  );
}

/** Norm of value.weight [d, width] times a run of one token's values. */
function contributionOf(
  values: Float32Array,
  weight: Float32Array,
  { from, at, count, width }: { from: number; at: number; count: number; width: number },
): number {
  let squares = 0;
  for (let row = at; row < weight.length; row += width) {
    let sum = 0;
    for (let c = 0; c < count; c++) sum += (weight[row + c] ?? 0) * (values[from + c] ?? 0);
    squares += sum * sum;
  }
  return Math.sqrt(squares);
}
