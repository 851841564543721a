// Softmax attention, the part that all kinds of attention share: o = softmax(scale k q + mask) v. Query head h reads key head
// floor(h * K / H). In one operation where the device has it (then nothing of the size queries x keys is ever stored), else
// composed; gradients are composed always, of parts of the queries one after the other, each with the keys that it can see.
// Letters: w and u widths of keys and values, T queries, P keys, H and K heads, S sequences.
// On the CPU ggml's attention of few queries sums values in the type of the cache: a cache of f16 costs a relative 1e-3.

import { flashAttention, softMax, softMaxBack } from "../nodes/attention.js";
import { add, concat } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { mulMat } from "../nodes/products.js";
import { cast, pack, packedTranspose, permute, reshape, slice } from "../nodes/shape.js";
import { aligned, firstFactor } from "./aligned-view.js";
import type { AttentionMask } from "./attention-mask.js";
import { turnedOver } from "./matrix-transpose.js";
import type { EngineContext } from "./operation.js";

/** What attention reads: q f32 [w, T, H, S], k [w, P, K, S], v [u, P, K, S]; views will do. */
export interface AttentionSources {
  readonly q: GgmlNode;
  readonly k: GgmlNode;
  readonly v: GgmlNode;
  readonly mask: AttentionMask;
  readonly scale: number;
}

/** Attention, [u, H, T, S]. */
export function attend(engine: EngineContext, sources: AttentionSources): GgmlNode {
  const { q, k, v, mask, scale } = sources;
  const [, T, H, S] = q.sides;
  const [u, P, K] = v.sides;
  if (fitsFlash(engine, sources)) {
    const [queries, keys, values] = [aligned(q, engine), read(k, engine), read(v, engine)];
    return flashAttention(queries, keys, values, mask.leaf(engine, "f16", P, 0, T), scale);
  }
  const scores = reshape(mulMat(firstFactor(k, engine), heads(engine, q, K)), P, T, H, S);
  const p = softMax(scores, mask.leaf(engine, "f32", P, 0, T), scale);
  const o = mulMat(packedTranspose(v), reshape(p, P, (T * H) / K, K, S)); // [u, T H / K, K, S]
  return pack(permute(reshape(o, u, T, H, S), 0, 2, 1, 3));
}

/** Keys or values as attention in one operation reads them: in half precision its matrix units take them. */
function read(a: GgmlNode, engine: EngineContext): GgmlNode {
  return engine.halves && a.type === "f32" ? cast(a, "f16") : aligned(a, engine);
}

/** Graphics processors take heads in steps of 8 values. */
function fitsFlash({ hostSeesResults }: EngineContext, { q, v }: AttentionSources): boolean {
  return hostSeesResults || (q.sides[0] % 8 === 0 && v.sides[0] % 8 === 0);
}

/** Gradients of {@link attend} where T = P and no query sees a later key, given that of its result as [u, T, H, S]; packed. */
export function attendBack(engine: EngineContext, sources: AttentionSources, dOut: GgmlNode) {
  const { q, k, v, mask, scale } = sources;
  const [w, T, H, S] = q.sides;
  const K = k.sides[2];
  const product = (first: GgmlNode, second: GgmlNode): GgmlNode => mulMat(firstFactor(first, engine), second);
  const keysTurned = packedTranspose(k); // [T, w, K, S]
  const dQueries: GgmlNode[] = [];
  const dKeys: GgmlNode[] = [];
  const dValues: GgmlNode[] = [];
  for (const [from, to] of parts(engine, T)) {
    const rows = ((to - from) * H) / K;
    const part = (scores: GgmlNode): GgmlNode => reshape(scores, to, rows, K, S);
    const qPart = heads(engine, slice(q, 1, from, to - from), K); // [w, rows, K, S]
    const dPart = heads(engine, slice(dOut, 1, from, to - from), K);
    const scores = reshape(product(slice(k, 1, 0, to), qPart), to, to - from, H, S);
    const p = softMax(scores, mask.leaf(engine, "f32", to, from, to), scale);
    const dp = reshape(product(slice(v, 1, 0, to), dPart), to, to - from, H, S);
    const ds = part(softMaxBack(dp, p, scale));
    dQueries.push(reshape(product(slice(keysTurned, 0, 0, to), ds), w, to - from, H, S));
    dKeys.push(mulMat(packedTranspose(qPart), turnedOver(ds, engine))); // [w, to, K, S]
    dValues.push(mulMat(packedTranspose(dPart), turnedOver(part(p), engine)));
  }
  return { q: joined(dQueries, 1), k: dKeys.reduce(longer), v: dValues.reduce(longer) };
}

/** Queries in parts: what no query of a part can see is left out, which saves most where a sequence is long. */
function parts({ hostSeesResults: onHost }: EngineContext, T: number): readonly (readonly [number, number])[] {
  const least = onHost ? 128 : 512;
  const size = Math.max(least, Math.ceil(T / 8 / 64) * 64);
  const count = Math.max(1, Math.round(T / size));
  return Array.from({ length: count }, (_, i) => [i * size, i === count - 1 ? T : (i + 1) * size] as const);
}

/** A sum of gradients, of which the second is of more keys. */
function longer(sum: GgmlNode, more: GgmlNode): GgmlNode {
  const keys = sum.sides[1];
  return concat(add(slice(more, 1, 0, keys), sum), slice(more, 1, keys, more.sides[1] - keys), 1);
}

/** The heads that read the same keys, one after the other: [w, T, H, S] -> [w, T H / K, K, S]. */
function heads(engine: EngineContext, a: GgmlNode, K: number): GgmlNode {
  const [w, T, H, S] = a.sides;
  return reshape(aligned(pack(a), engine), w, (T * H) / K, K, S);
}

/** Nodes one after the other along a dimension; halves first, so that little is copied twice. */
export function joined(nodes: readonly GgmlNode[], dimension: 0 | 1 | 2 | 3): GgmlNode {
  const [first] = nodes;
  if (nodes.length <= 1 && first !== undefined) return first;
  const half = nodes.length >> 1;
  return concat(joined(nodes.slice(0, half), dimension), joined(nodes.slice(half), dimension), dimension);
}
