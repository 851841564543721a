// Attention of a packed batch without caches: runs of equally long sequences side by side, the runs one after the other.
// Many short sequences are taken as one, whose mask keeps them apart, where that computes little more.
// Letters: w and u widths of keys and values, H and K heads, N tokens.

import type { GgmlNode } from "../nodes/node.js";
import { pack, permute, reshape, view } from "../nodes/shape.js";
import { attend, attendBack, joined } from "./attention-core.js";
import { type AttentionMask, causalMask, packedMask } from "./attention-mask.js";
import type { EngineContext } from "./operation.js";
import type { SequenceBatch, SequenceRun } from "./sequence-batch.js";

/** q [w, H, N], k [w, K, N], v [u, K, N]; views will do. */
export interface PackedSources {
  readonly q: GgmlNode;
  readonly k: GgmlNode;
  readonly v: GgmlNode;
}

/** Attention of every token to its own sequence, [u, H, N]. */
export function attendPacked(
  engine: EngineContext,
  batch: SequenceBatch,
  sources: PackedSources,
  scale: number,
): GgmlNode {
  const H = sources.q.sides[1];
  const u = sources.v.sides[0];
  const pieces = attentionRuns(batch).map((run) => {
    const o = attend(engine, { ...headsOf(sources, run), mask: maskOf(batch, run), scale }); // [u, H, length, count]
    return reshape(o, u, H, run.length * run.count);
  });
  return joined(pieces, 2);
}

/** Gradients of {@link attendPacked}, packed, given that of its result. */
export function attendPackedBack(
  engine: EngineContext,
  batch: SequenceBatch,
  sources: PackedSources,
  scale: number,
  dOut: GgmlNode,
): PackedSources {
  const pieces = attentionRuns(batch).map((run) => {
    const own = { ...headsOf(sources, run), mask: maskOf(batch, run), scale };
    const { q, k, v } = attendBack(engine, own, sequenceHeads(dOut, run));
    return { q: tokenHeads(q), k: tokenHeads(k), v: tokenHeads(v) };
  });
  const all = (name: keyof PackedSources): GgmlNode =>
    joined(
      pieces.map((piece) => piece[name]),
      2,
    );
  return { q: all("q"), k: all("k"), v: all("v") };
}

/** Products that masks throw away are worth up to so many times those that are needed. */
const WASTE = 4;
/** Batches so small that a few more products cost less than more operations. */
const SMALL = 128;

/** The runs of a batch, or all of it as one. */
function attentionRuns({ runs, sequences, tokens }: SequenceBatch): readonly SequenceRun[] {
  const needed = sequences.reduce((sum, { length }) => sum + length * length, 0);
  if (runs.length <= 1 || (tokens > SMALL && tokens * tokens > WASTE * needed)) return runs;
  return [{ members: sequences, from: 0, length: tokens, count: 1 }];
}

function maskOf(batch: SequenceBatch, run: SequenceRun): AttentionMask {
  return run.members.length === run.count ? causalMask(batch, run) : packedMask(batch);
}

function headsOf({ q, k, v }: PackedSources, run: SequenceRun): PackedSources {
  return { q: sequenceHeads(q, run), k: sequenceHeads(k, run), v: sequenceHeads(v, run) };
}

/** The tokens of a run: [w, H, N] -> [w, length, H, count], a view. */
export function sequenceHeads(a: GgmlNode, { from, length, count }: SequenceRun): GgmlNode {
  const [w, H] = a.sides;
  const [, head, token] = a.strides;
  return view(a, [w, length, H, count], [token, head, token * length], from * token);
}

/** The opposite: [w, length, H, count] -> [w, H, length * count]. */
function tokenHeads(a: GgmlNode): GgmlNode {
  const [w, length, H, count] = a.sides;
  return reshape(pack(permute(a, 0, 2, 1, 3)), w, H, length * count);
}
