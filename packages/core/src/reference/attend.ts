// Causal softmax attention of one sequence, the part that all kinds of attention share: o = softmax(scale q k^T) v. Query
// head h reads key-value head floor(h * K / H). Not here: projections, positions, caches.
// Letters: T new tokens, P tokens in all (T the last of them), H query heads, K key-value heads, w and u the widths of
// keys and values, p attention weights, s scores.

/** Sizes of an attention. */
export interface AttendShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  readonly scale: number;
}

/** query [T, H, w], key [P, K, w], value [P, K, u] -> [T, H, u]. */
export function attend(query: Float64Array, key: Float64Array, value: Float64Array, shape: AttendShape): Float64Array {
  const { heads, keyValueHeads, keyWidth, valueWidth } = shape;
  const tokens = query.length / (heads * keyWidth);
  const start = key.length / (keyValueHeads * keyWidth) - tokens;
  const out = new Float64Array(tokens * heads * valueWidth);
  for (let t = 0; t < tokens; t++) {
    for (let h = 0; h < heads; h++) {
      const p = weights(query, key, t, h, start, shape);
      const group = Math.floor((h * keyValueHeads) / heads);
      const outAt = (t * heads + h) * valueWidth;
      for (let j = 0; j < p.length; j++) {
        const valueAt = (j * keyValueHeads + group) * valueWidth;
        for (let c = 0; c < valueWidth; c++) {
          out[outAt + c] = (out[outAt + c] ?? 0) + (p[j] ?? 0) * (value[valueAt + c] ?? 0);
        }
      }
    }
  }
  return out;
}

/** Gradients of {@link attend} where T = P, given that of its output. */
export function attendBackward(
  query: Float64Array,
  key: Float64Array,
  value: Float64Array,
  shape: AttendShape,
  dOut: Float64Array,
): { dQuery: Float64Array; dKey: Float64Array; dValue: Float64Array } {
  const { heads, keyValueHeads, keyWidth, valueWidth, scale } = shape;
  const tokens = query.length / (heads * keyWidth);
  const dQuery = new Float64Array(query.length);
  const dKey = new Float64Array(key.length);
  const dValue = new Float64Array(value.length);
  for (let t = 0; t < tokens; t++) {
    for (let h = 0; h < heads; h++) {
      const p = weights(query, key, t, h, 0, shape);
      const group = Math.floor((h * keyValueHeads) / heads);
      const outAt = (t * heads + h) * valueWidth;
      const queryAt = (t * heads + h) * keyWidth;
      const dp = new Float64Array(p.length);
      let mean = 0; // sum of p dp
      for (let j = 0; j < p.length; j++) {
        const valueAt = (j * keyValueHeads + group) * valueWidth;
        let dot = 0;
        for (let c = 0; c < valueWidth; c++) {
          const g = dOut[outAt + c] ?? 0;
          dot += g * (value[valueAt + c] ?? 0);
          dValue[valueAt + c] = (dValue[valueAt + c] ?? 0) + (p[j] ?? 0) * g;
        }
        dp[j] = dot;
        mean += (p[j] ?? 0) * dot;
      }
      for (let j = 0; j < p.length; j++) {
        const ds = (p[j] ?? 0) * ((dp[j] ?? 0) - mean) * scale;
        const keyAt = (j * keyValueHeads + group) * keyWidth;
        for (let c = 0; c < keyWidth; c++) {
          dQuery[queryAt + c] = (dQuery[queryAt + c] ?? 0) + ds * (key[keyAt + c] ?? 0);
          dKey[keyAt + c] = (dKey[keyAt + c] ?? 0) + ds * (query[queryAt + c] ?? 0);
        }
      }
    }
  }
  return { dQuery, dKey, dValue };
}

/** softmax over tokens 0 .. start + t of scale <q, k>, for one token and head. */
function weights(
  query: Float64Array,
  key: Float64Array,
  t: number,
  h: number,
  start: number,
  shape: AttendShape,
): Float64Array {
  const { heads, keyValueHeads, keyWidth, scale } = shape;
  const group = Math.floor((h * keyValueHeads) / heads);
  const queryAt = (t * heads + h) * keyWidth;
  const scores = new Float64Array(start + t + 1);
  for (let j = 0; j < scores.length; j++) {
    const keyAt = (j * keyValueHeads + group) * keyWidth;
    let dot = 0;
    for (let c = 0; c < keyWidth; c++) dot += (query[queryAt + c] ?? 0) * (key[keyAt + c] ?? 0);
    scores[j] = dot * scale;
  }
  return softmax(scores);
}

/** e^(x - max) / sum, in place. */
export function softmax(x: Float64Array): Float64Array {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of x) most = Math.max(most, value);
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const e = Math.exp((x[i] ?? 0) - most);
    x[i] = e;
    sum += e;
  }
  for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) / sum;
  return x;
}
