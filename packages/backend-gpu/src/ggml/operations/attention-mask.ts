// Masks of attention: which keys a query sees is a span of neighbours. In f32 for the softmax, in f16 for attention in one
// operation. Small ones are leaves, since they differ from step to step while the graph stays the same; a graphics processor
// computes large ones itself, of the spans, for less than sending them would cost. All layers of a step share them.

import { add, repeat, scale, step, subtract } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { cast, hostLeaf } from "../nodes/shape.js";
import type { EngineContext } from "./operation.js";
import type { SequenceBatch, SequenceRun } from "./sequence-batch.js";

/** What the queries of a part of attention see. */
export interface AttentionMask {
  /** The leaf for queries `from` to before `to`, over the first `keys` keys: [keys, to - from, 1, sequences or 1]. */
  leaf(engine: EngineContext, type: "f32" | "f16", keys: number, from: number, to: number): GgmlNode;
}

/** First key that a query sees, and the one past the last. */
type Span = (sequence: number, query: number) => readonly [number, number];

/** Every token sees the tokens before it, in its own sequence. */
export function causalMask(batch: SequenceBatch, { length }: SequenceRun): AttentionMask {
  return maskOf(batch, `causal ${length}`, 1, (_, query) => [0, query + 1]);
}

/** The same where all tokens of the batch are treated as one sequence. */
export function packedMask(batch: SequenceBatch): AttentionMask {
  const firsts = new Uint32Array(batch.tokens);
  for (const { from, length } of batch.sequences) firsts.fill(from, from, from + length);
  return maskOf(batch, "packed", 1, (_, query) => [firsts[query] ?? 0, query + 1]);
}

/** New tokens see all that the cache holds of their sequence before them, and themselves. */
export function cachedMask(batch: SequenceBatch, { members }: SequenceRun): AttentionMask {
  const starts = members.map(({ start }) => start);
  const [first = 0] = starts;
  const same = starts.every((start) => start === first);
  const name = `cached ${members[0]?.sequence} ${members.length}`;
  return maskOf(batch, name, same ? 1 : starts.length, (s, query) => [0, (starts[s] ?? 0) + query + 1]);
}

const HALF_MINUS_INFINITY = 0xfc00;

function maskOf(batch: SequenceBatch, name: string, sequences: number, span: Span): AttentionMask {
  return {
    leaf: (engine, type, keys, from, to) =>
      batch.leaf(`${name} ${type} ${keys} ${from} ${to}`, () => {
        const queries = to - from;
        const size = keys * queries * sequences;
        if (size >= LARGE && !engine.hostSeesResults) return computedMask(type, keys, [from, to], sequences, span);
        const values =
          type === "f32"
            ? new Float32Array(size).fill(Number.NEGATIVE_INFINITY)
            : new Uint16Array(size).fill(HALF_MINUS_INFINITY);
        for (let s = 0; s < sequences; s++) {
          for (let query = 0; query < queries; query++) {
            const at = (s * queries + query) * keys;
            const [first, end] = span(s, from + query);
            values.fill(0, at + first, at + Math.min(end, keys));
          }
        }
        return hostLeaf(type, [keys, queries, 1, sequences], values);
      }),
  };
}

/** Values from which a graphics processor makes a mask itself. */
const LARGE = 2 ** 16;
/** The least number of half precision: no score comes near it. */
const HIDDEN = -65504;

/** 0 where a query sees a key, else {@link HIDDEN}. */
function computedMask(
  type: "f32" | "f16",
  keys: number,
  [from, to]: readonly [number, number],
  sequences: number,
  span: Span,
): GgmlNode {
  const queries = to - from;
  const firsts = new Float32Array(queries * sequences);
  const ends = new Float32Array(queries * sequences);
  for (let s = 0; s < sequences; s++) {
    for (let query = 0; query < queries; query++) {
      const [first, end] = span(s, from + query);
      firsts[s * queries + query] = first - 0.5;
      ends[s * queries + query] = end - 0.5;
    }
  }
  const places = hostLeaf(
    "f32",
    [keys],
    Float32Array.from({ length: keys }, (_, key) => key),
  );
  const every = repeat(places, [keys, queries, 1, sequences]);
  const bound = (values: Float32Array): GgmlNode =>
    step(subtract(every, hostLeaf("f32", [1, queries, 1, sequences], values)));
  const late = bound(ends); // 1 from the end on
  const hidden = firsts.some((first) => first > 0) ? add(late, scale(bound(firsts), -1, 1)) : late;
  return cast(scale(hidden, HIDDEN), type);
}
