// Rotary positions: turns a part of each head's values by its token's position. What turns forward by a position turns
// its gradient back by it. Angles are made in float64 on the host, since a large position times a frequency is not exact
// in float32.

import type { Rotary, Sequences } from "@engram-ts/core";
import { positionsOf } from "./sequence-spans.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** Cosines and sines of a batch, each [N, 1, pairs], times the amplitude. */
export interface Turn {
  readonly cosine: TfjsArray;
  readonly sine: TfjsArray;
  readonly pairs: Rotary["pairs"];
}

/** The turn of every token. */
export function turnOf({ tf }: TfjsRuntime, sequences: Sequences, rotary: Rotary): Turn {
  const positions = positionsOf(sequences);
  const count = rotary.frequencies.length;
  const cosine = new Float32Array(positions.length * count);
  const sine = new Float32Array(positions.length * count);
  for (let t = 0; t < positions.length; t++) {
    for (let i = 0; i < count; i++) {
      const angle = (positions[t] ?? 0) * (rotary.frequencies[i] ?? 0);
      cosine[t * count + i] = Math.cos(angle) * rotary.amplitude;
      sine[t * count + i] = Math.sin(angle) * rotary.amplitude;
    }
  }
  const shape = [positions.length, 1, count];
  return {
    cosine: tf.tensor(cosine, shape, "float32"),
    sine: tf.tensor(sine, shape, "float32"),
    pairs: rotary.pairs,
  };
}

/** Turns the values of x [N, heads, w] from `at` on, forward, or back where `back` is 1. */
export function turned({ tf }: TfjsRuntime, x: TfjsArray, at: number, turn: Turn, direction: 1 | -1): TfjsArray {
  const [tokens = 0, heads = 0, width = 0] = x.shape;
  const pairs = turn.cosine.shape[2] ?? 0;
  if (pairs === 0 || tokens === 0) return x;
  const part = (from: number, count: number) => tf.slice(x, [0, 0, from], [tokens, heads, count]);
  const sine = direction === 1 ? turn.sine : tf.mul(turn.sine, -1);
  const both = (u: TfjsArray, v: TfjsArray) => [
    tf.sub(tf.mul(u, turn.cosine), tf.mul(v, sine)),
    tf.add(tf.mul(u, sine), tf.mul(v, turn.cosine)),
  ];
  let middle: TfjsArray[];
  if (turn.pairs === "halves") {
    middle = both(part(at, pairs), part(at + pairs, pairs));
  } else {
    const couples = tf.reshape(part(at, 2 * pairs), [tokens, heads * pairs, 2]);
    const side = (i: number) =>
      tf.reshape(tf.slice(couples, [0, 0, i], [tokens, heads * pairs, 1]), [tokens, heads, pairs]);
    const column = (values: TfjsArray) => tf.reshape(values, [tokens, heads * pairs, 1]);
    const joined = tf.concat(both(side(0), side(1)).map(column), 2);
    middle = [tf.reshape(joined, [tokens, heads, 2 * pairs])];
  }
  const after = at + 2 * pairs;
  return tf.concat(
    [...(at > 0 ? [part(0, at)] : []), ...middle, ...(after < width ? [part(after, width - after)] : [])],
    2,
  );
}
