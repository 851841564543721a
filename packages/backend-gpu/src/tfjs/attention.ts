// Causal softmax attention, the part that all kinds of attention share: o = softmax(scale q k^T) v, for a batch of B
// key-value heads each read by G query heads. Scores of all tokens at once would not fit, so queries are taken in chunks,
// each with the keys up to its last token; the result is the same. Not here: projections, positions, caches.
// Letters: T new tokens, P tokens in all (T the last of them), w and u the widths of keys and values, p weights, s scores.

import { product } from "./matrix-product.js";
import type { TfjsArray } from "./tfjs-library.js";
import { floats, type TfjsRuntime } from "./tfjs-runtime.js";

/** query [B, G, T, w], key [B, P, w], value [B, P, u] -> [B, G, T, u]. */
export function attend(
  runtime: TfjsRuntime,
  query: TfjsArray,
  key: TfjsArray,
  value: TfjsArray,
  scale: number,
): TfjsArray {
  const { tf } = runtime;
  const [batch = 0, groups = 0] = query.shape;
  const outs = chunksOf(runtime, query, key).map((chunk) =>
    tf.tidy(() => {
      const p = weights(runtime, chunkOf(runtime, query, chunk), firstKeys(runtime, key, chunk), chunk, scale);
      const out = product(runtime, p, firstKeys(runtime, value, chunk));
      return tf.reshape(out, [batch, groups, chunk.count, value.shape[2] ?? 0]);
    }),
  );
  const [only] = outs;
  return only !== undefined && outs.length === 1 ? only : tf.concat(outs, 2);
}

/** Gradients of {@link attend}, in the shapes of its inputs, given that of its output. */
export function attendBackward(
  runtime: TfjsRuntime,
  query: TfjsArray,
  key: TfjsArray,
  value: TfjsArray,
  scale: number,
  dOut: TfjsArray,
): { dQuery: TfjsArray; dKey: TfjsArray; dValue: TfjsArray } {
  const { tf } = runtime;
  const dQueries: TfjsArray[] = [];
  let dKey: TfjsArray | undefined;
  let dValue: TfjsArray | undefined;
  for (const chunk of chunksOf(runtime, query, key)) {
    const part = tf.tidy(() => {
      const q = chunkOf(runtime, query, chunk);
      const k = firstKeys(runtime, key, chunk);
      const p = weights(runtime, q, k, chunk, scale);
      const g = chunkOf(runtime, dOut, chunk);
      const dp = product(runtime, g, firstKeys(runtime, value, chunk), { b: true });
      const ds = tf.mul(tf.mul(p, tf.sub(dp, tf.sum(tf.mul(p, dp), 2, true))), scale); // [B, G * C, P]
      const [batch = 0, groups = 0, , width = 0] = query.shape;
      return {
        dq: tf.reshape(product(runtime, ds, k), [batch, groups, chunk.count, width]),
        dk: allKeys(runtime, product(runtime, ds, q, { a: true }), key),
        dv: allKeys(runtime, product(runtime, p, g, { a: true }), key),
      };
    });
    dQueries.push(part.dq);
    dKey = dKey === undefined ? part.dk : tf.add(dKey, part.dk);
    dValue = dValue === undefined ? part.dv : tf.add(dValue, part.dv);
  }
  const [only] = dQueries;
  return {
    dQuery: only !== undefined && dQueries.length === 1 ? only : tf.concat(dQueries, 2),
    dKey: dKey ?? tf.zeros(key.shape),
    dValue: dValue ?? tf.zeros(value.shape),
  };
}

/** Queries `from` to before `from + count`, which see the first `keys` keys at most. */
interface Chunk {
  readonly from: number;
  readonly count: number;
  readonly keys: number;
}

function chunksOf({ workBytes }: TfjsRuntime, query: TfjsArray, key: TfjsArray): Chunk[] {
  const [batch = 0, groups = 0, tokens = 0] = query.shape;
  const total = key.shape[1] ?? 0;
  const most = Math.max(1, Math.floor(workBytes / 4 / (batch * groups * total)));
  const chunks: Chunk[] = [];
  for (let from = 0; from < tokens; from += most) {
    const count = Math.min(most, tokens - from);
    chunks.push({ from, count, keys: total - tokens + from + count });
  }
  return chunks;
}

/** [B, G, T, w] -> [B, G * C, w]. */
function chunkOf({ tf }: TfjsRuntime, x: TfjsArray, { from, count }: Chunk): TfjsArray {
  const [batch = 0, groups = 0, tokens = 0, width = 0] = x.shape;
  const part = count === tokens ? x : tf.slice(x, [0, 0, from, 0], [batch, groups, count, width]);
  return tf.reshape(part, [batch, groups * count, width]);
}

/** [B, P, w] -> [B, keys, w]. */
function firstKeys({ tf }: TfjsRuntime, x: TfjsArray, { keys }: Chunk): TfjsArray {
  const [batch = 0, all = 0, width = 0] = x.shape;
  return keys === all ? x : tf.slice(x, [0, 0, 0], [batch, keys, width]);
}

/** The way back of {@link firstKeys}. */
function allKeys({ tf }: TfjsRuntime, x: TfjsArray, like: TfjsArray): TfjsArray {
  const missing = (like.shape[1] ?? 0) - (x.shape[1] ?? 0);
  return missing === 0
    ? x
    : tf.pad(x, [
        [0, 0],
        [0, missing],
        [0, 0],
      ]);
}

/** Below every score by so much that e^ of the difference is 0. */
const UNSEEN = -1e30;

/** softmax of scale q k^T over the keys that each query sees. query [B, G * C, w], key [B, keys, w] -> [B, G * C, keys]. */
function weights(runtime: TfjsRuntime, query: TfjsArray, key: TfjsArray, { count, keys }: Chunk, scale: number) {
  const { tf } = runtime;
  const scores = tf.mul(product(runtime, query, key, { b: true }), scale);
  if (keys === 1) return tf.add(tf.mul(scores, 0), 1); // exactly, which not every softmax of one number is
  if (count === 1) return tf.softmax(scores); // its one query sees them all
  const [batch = 0, rows = 0] = query.shape;
  const position = tf.reshape(tf.range(keys - count, keys), [count, 1]);
  const later = floats(runtime, tf.greater(tf.reshape(tf.range(0, keys), [1, keys]), position)); // [C, keys]
  const masked = tf.add(tf.reshape(scores, [(batch * rows) / count, count, keys]), tf.mul(later, UNSEEN));
  return tf.reshape(tf.softmax(masked), [batch, rows, keys]);
}
