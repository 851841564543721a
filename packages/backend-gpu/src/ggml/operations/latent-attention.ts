// mla with caches, in whichever of two forms costs less. Few queries: their content is taken through keyValueUp to the
// latents, so that all heads read the cached rows themselves, as one key head whose values are part of its keys. Many
// queries: keys and values of every head are computed of the cached latents.
// Letters: H heads, n content width, r rotary width, u value width, t new tokens of a sequence, P keys, S sequences.

import { concat } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { mulMat } from "../nodes/products.js";
import { cast, pack, permute, reshape, slice, view } from "../nodes/shape.js";
import { aligned, firstFactor } from "./aligned-view.js";
import { attend, joined } from "./attention-core.js";
import { cachedMask } from "./attention-mask.js";
import { type CacheSlots, cacheRuns, keysRead, readHeads, writeTokens } from "./cache-access.js";
import { expandLatent, type LatentParts, type QueryParts } from "./latent-parts.js";
import { turnedOver } from "./matrix-transpose.js";
import type { EngineContext, NodeCall } from "./operation.js";
import { sequenceHeads } from "./packed-attention.js";
import type { SequenceBatch, SequenceRun } from "./sequence-batch.js";

type Options = NodeCall<"mla">["options"];

/** What latent attention is computed of. */
export interface LatentSources {
  readonly queries: QueryParts;
  readonly latents: LatentParts;
  /** keyValueUp, [rank, (n + u) * H]. */
  readonly up: GgmlNode;
  readonly options: Options;
}

/** Writes latents and keys, and attends to all that the caches hold; [u, H, N]. */
export function attendLatent(
  engine: EngineContext,
  batch: SequenceBatch,
  slots: CacheSlots,
  sources: LatentSources,
): GgmlNode {
  const { latents, options } = sources;
  const rank = latents.latent.sides[0];
  const width = rank + options.rotaryWidth;
  const row = concat(reshape(latents.latent, rank, 1, batch.tokens), latents.shared, 0); // [rank + r, 1, N]
  const written = cacheRuns(batch, slots).map((run) => {
    const columns = writeTokens(engine, batch, run, slots, 0, reshape(row, width, batch.tokens));
    const keys = keysRead(run, columns.slot);
    return { run, rows: readHeads(columns, run, { at: 0, n: width, heads: 1, keys }) }; // [rank + r, P, 1, S]
  });
  const pieces = written.map(({ run, rows }) =>
    latentIsCheaper(run.length, rows.sides[1], rank, options)
      ? attendRows(engine, batch, run, rows, sources)
      : attendExpanded(engine, batch, run, rows, sources),
  );
  return joined(pieces, 2);
}

/** Attention's products take about twice the time of those of large matrices. */
const SLOWER = 2;

/** Products of one head, of one sequence. */
function latentIsCheaper(
  t: number,
  P: number,
  rank: number,
  { contentWidth: n, rotaryWidth: r, valueWidth: u }: Options,
): boolean {
  const latent = t * rank * (n + u) + SLOWER * t * P * (2 * rank + r);
  const expanded = P * rank * (n + u) + SLOWER * t * P * (n + r + u);
  return latent < expanded;
}

/** All heads read the cached rows; [u, H, t * S]. */
function attendRows(
  engine: EngineContext,
  batch: SequenceBatch,
  run: SequenceRun,
  rows: GgmlNode,
  sources: LatentSources,
): GgmlNode {
  const { queries, up, options } = sources;
  const { heads: H, contentWidth: n, rotaryWidth: r, valueWidth: u, scale } = options;
  const [width, P, , S] = rows.sides;
  const rank = width - r;
  const tokens = run.length * S;
  const own = (a: GgmlNode): GgmlNode => permute(slice(a, 2, run.from, tokens), 0, 2, 1, 3); // [_, t S, H]
  const content = mulMat(contentTurned(engine, up, options), aligned(pack(own(queries.content)), engine)); // [rank, t S, H]
  const q = concat(content, own(queries.rotated), 0); // [rank + r, t S, H]
  const [, token, head] = q.strides;
  const o = attend(engine, {
    q: view(q, [width, run.length, H, S], [token, head, token * run.length]),
    k: rows,
    v: view(rows, [rank, P, 1, S], [rows.strides[1], rows.strides[2], rows.strides[3]]),
    mask: cachedMask(batch, run),
    scale,
  }); // [rank, H, t, S]
  const values = firstFactor(headRows(unquantised(up), rank, options, n, u), engine);
  const out = mulMat(values, pack(permute(reshape(o, rank, H, tokens), 0, 2, 1, 3))); // [u, t S, H]
  return pack(permute(out, 0, 2, 1, 3));
}

/** Keys and values of every head, of the cached rows; [u, H, t * S]. */
function attendExpanded(
  engine: EngineContext,
  batch: SequenceBatch,
  run: SequenceRun,
  rows: GgmlNode,
  { queries, up, options }: LatentSources,
): GgmlNode {
  const { heads: H, rotaryWidth: r, valueWidth: u, scale } = options;
  const [width, P, , S] = rows.sides;
  const rank = width - r;
  const latent = reshape(aligned(unrounded(slice(rows, 0, 0, rank)), engine), rank, P * S);
  const shared = reshape(unrounded(slice(rows, 0, rank, r)), r, 1, P * S);
  const { k, v } = expandLatent(latent, shared, up, options); // [n + r, H, P S], [u, H, P S]
  const all = { ...run, from: 0, length: P };
  const o = attend(engine, {
    q: sequenceHeads(concat(queries.content, queries.rotated, 0), run),
    k: sequenceHeads(k, all),
    v: sequenceHeads(v, all),
    mask: cachedMask(batch, run),
    scale,
  });
  return reshape(o, u, H, run.length * S);
}

/** What queries' content is multiplied with to meet the latents: keyValueUp's content rows turned over, [n, rank, H]. */
function contentTurned(engine: EngineContext, up: GgmlNode, options: Options): GgmlNode {
  const { contentWidth: n, heads: H } = options;
  const rank = up.sides[0];
  return engine.derived(up, `content ${n} ${H}`, () => {
    return turnedOver(pack(headRows(unquantised(up), rank, options, 0, n)), engine);
  });
}

/** Weights in blocks cannot be copied in parts. */
function unquantised(up: GgmlNode): GgmlNode {
  return up.type === "f32" || up.type === "f16" || up.type === "bf16" ? up : cast(up, "f32");
}

/** Rows of each head of keyValueUp: [rank, count, H], a view. */
function headRows(
  up: GgmlNode,
  rank: number,
  { heads: H, contentWidth: n, valueWidth: u }: Options,
  first: number,
  count: number,
): GgmlNode {
  const row = up.strides[1];
  const head = row * (n + u);
  return view(up, [rank, count, H, 1], [row, head, head * H], first * row);
}

/** Packed, in float32. */
function unrounded(a: GgmlNode): GgmlNode {
  return a.type === "f32" ? pack(a) : cast(a, "f32");
}
