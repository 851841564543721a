// Models to probe: one of random weights that has every part, and one whose table decides everything, so that what is lost
// without it is known.

import {
  createModel,
  type ModelSpec,
  modelBuilder,
  modelParameters,
  type ReferenceTensor,
  randomParameters,
  referenceBackend,
  rowsNeeded,
} from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { IGNORED_TARGET, initializeBytes, initialRows, type TokenBatch, tablesOf } from "@engram-ts/train";
import type { ProbedModel } from "../../../src/experiments/probes/probed-model.js";
import { seeded } from "../../../src/statistics/seeded.js";

export const VOCABULARY = 16;

/** Random weights, hyper-connections, experts, tables in both blocks. */
export function busyProbed(head: "tied" | "separate" = "separate"): ProbedModel<ReferenceTensor> {
  const spec = modelBuilder({ vocabSize: VOCABULARY, width: 8, contextTokens: 64, head })
    .streams({ kind: "mhc", count: 2, sinkhornIterations: 3 })
    .memory(
      { kind: "engram", vocabSize: VOCABULARY, seed: 0, tableSizes: [50, 50], headsPerOrder: 2, padId: 0 },
      { kind: "f32", width: 4 },
    )
    .each({ attention: { kind: "gqa", heads: 2, headDim: 4 }, feedForward: { kind: "dense", hiddenWidth: 12 } })
    .block({ engram: { kind: "engram" } })
    .block()
    .block({ engram: { kind: "engram" } })
    .build();
  const backend = referenceBackend();
  const model = createModel({ spec, backend, parameters: randomParameters(backend, spec, { seed: 1 }) });
  const tables = new Map(
    [...tablesOf(spec)].map(([layer, table]) => {
      const initial = initialRows({ seed: 1, layer, width: 4, deviation: 1 });
      return [layer, dramStore({ table, initialize: initializeBytes(table, initial) })];
    }),
  );
  return { model, tables };
}

/** What follows two tokens, for the model whose table knows it. */
function follows(a: number, b: number): number {
  return (5 * a + 3 * b + 1) % VOCABULARY;
}

/** No attention, no feed-forward: tokens are unit vectors, and the row of two tokens is the unit vector of what follows. */
export async function tableProbed(): Promise<ProbedModel<ReferenceTensor>> {
  const spec = modelBuilder({ vocabSize: VOCABULARY, width: VOCABULARY, contextTokens: 64, head: "tied" })
    .memory(
      { kind: "engram", vocabSize: VOCABULARY, seed: 0, tableSizes: [99_991], headsPerOrder: 1, padId: 0 },
      { kind: "f32", width: VOCABULARY },
    )
    .each({ attention: { kind: "gqa", heads: 1, headDim: 4 }, feedForward: { kind: "dense", hiddenWidth: 4 } })
    .block({ engram: { kind: "engram", convolution: null, bias: false } })
    .build();
  const backend = referenceBackend();
  const unit = (scale: number) =>
    Float32Array.from({ length: VOCABULARY ** 2 }, (_, i) => (i % (VOCABULARY + 1) === 0 ? scale : 0));
  const special: Readonly<Record<string, Float32Array>> = {
    "embedding.weight": unit(1),
    "blocks.0.engram.value.weight": unit(20),
  };
  const ones = (name: string) => /[nN]orm\.weight$/.test(name);
  const parameters = new Map(
    shapes(spec).map(({ name, shape, size }) => [
      name,
      backend.upload(special[name] ?? new Float32Array(size).fill(ones(name) ? 1 : 0), shape),
    ]),
  );
  const model = createModel({ spec, backend, parameters });
  const [[layer, table] = [0, undefined]] = tablesOf(spec);
  if (table === undefined) throw new Error("no table");
  const rows = new Map<number, number>();
  for (let a = 0; a < VOCABULARY; a++) {
    for (let b = 0; b < VOCABULARY; b++) {
      const batch = { ids: Uint32Array.of(a, b), cumulativeLengths: Uint32Array.of(0, 2) };
      rows.set(rowsNeeded(model, batch)[0]?.rowIds[1] ?? 0, follows(a, b));
    }
  }
  if (rows.size !== VOCABULARY ** 2) throw new Error("two phrases share a row");
  const store = dramStore({
    table,
    initialize: initializeBytes(table, (firstRow, values) => {
      for (let at = 0; at < values.length; at += VOCABULARY) {
        const next = rows.get(firstRow + at / VOCABULARY);
        if (next !== undefined) values[at + next] = 1;
      }
    }),
  });
  return { model, tables: new Map([[layer, store]]) };
}

function shapes(spec: ModelSpec) {
  return modelParameters(spec)
    .filter(({ component }) => component !== "engram tables")
    .map(({ name, shape }) => ({ name, shape, size: shape.reduce((product, side) => product * side, 1) }));
}

/** Sequences of the model whose table knows what follows; the first two tokens of each are random. */
export function followingBatch(sequences: number, length: number, seed = 1): TokenBatch {
  const random = seeded(seed);
  const token = () => Math.floor(random() * VOCABULARY);
  const all = Array.from({ length: sequences }, () => {
    const ids = [token(), token()];
    while (ids.length < length) ids.push(follows(ids.at(-2) ?? 0, ids.at(-1) ?? 0));
    return ids;
  });
  return batchOf(all, 1);
}

/** A batch of sequences; targets from `first` on. */
export function batchOf(sequences: readonly (readonly number[])[], first = 0): TokenBatch {
  const starts = [0];
  for (const ids of sequences) starts.push((starts.at(-1) ?? 0) + ids.length);
  const targets = sequences.flatMap((ids) =>
    ids.map((_, t) => (t < first ? IGNORED_TARGET : (ids[t + 1] ?? IGNORED_TARGET))),
  );
  return {
    ids: Uint32Array.from(sequences.flat()),
    targets: Int32Array.from(targets),
    cumulativeLengths: Uint32Array.from(starts),
    bytes: 0,
  };
}
