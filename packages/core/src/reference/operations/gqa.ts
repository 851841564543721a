// gqa, grouped-query attention: queries, keys and values by linear maps of x, an RMS norm of each head's queries and keys
// where there are weights for it, rotary positions, causal softmax attention per sequence, and a linear map back.
// x [N, d], query [H * w, d], key and value [K * w, d], output [d, H * w], queryNorm and keyNorm [w].
// The cache holds, per token, the rotated keys of all K heads and then their values.

import type { BackendOperation, GqaOptions, OperationInputs } from "../../model/backend-operations.js";
import { attend, attendBackward } from "../attend.js";
import { checkCaches, readCache, writeCache } from "../cache.js";
import { linear, linearBackward } from "../linear.js";
import { rmsNormGroups, rmsNormGroupsBackward } from "../rms-norm.js";
import { rotateHeads } from "../rotary.js";
import { columns, refuseCaches, sequenceSpans, sideBySide } from "../sequence-spans.js";
import { checkShape, type ReferenceTensor, tensor, widthOf } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "gqa">;
type Options = GqaOptions<ReferenceTensor>;

export const gqa: BackendOperation<ReferenceTensor, "gqa"> = {
  forward(inputs, options) {
    const { x, output } = inputs;
    const { heads, keyValueHeads, headWidth: w, sequences } = options;
    checkInputs(inputs, options);
    const keyWidth = keyValueHeads * w;
    const caches = checkCaches("gqa", options.caches, sequences, 2 * keyWidth);
    const { query, key, value } = project(inputs, options);
    const attended = new Float64Array(query.length); // [N, H * w]
    for (const { sequence, from, to, start } of sequenceSpans("gqa", sequences, x)) {
      let keys = key.subarray(from * keyWidth, to * keyWidth);
      let values = value.subarray(from * keyWidth, to * keyWidth);
      const cache = caches?.[sequence];
      if (cache !== undefined) {
        writeCache(cache, start, sideBySide(keys, values, keyWidth, keyWidth));
        const rows = readCache(cache, 0, start + to - from); // [P, keys, values]
        keys = columns(rows, 2 * keyWidth, 0, keyWidth);
        values = columns(rows, 2 * keyWidth, keyWidth, 2 * keyWidth);
      }
      const own = query.subarray(from * heads * w, to * heads * w);
      attended.set(attend(own, keys, values, attendShape(options)), from * heads * w);
    }
    return { y: tensor(linear(attended, output.values, heads * w), ...x.shape) };
  },

  backward({ inputs, options }, { y: dy }) {
    if (dy === undefined) return {};
    refuseCaches("gqa", options);
    const { x, query, key, value, output, queryNorm, keyNorm } = inputs;
    const { heads, keyValueHeads, headWidth: w, sequences, epsilon } = options;
    const d = widthOf(x);
    const projected = project(inputs, options);
    const attended = new Float64Array(projected.query.length);
    const spans = sequenceSpans("gqa", sequences, x).map((span) => ({
      ...span,
      query: projected.query.subarray(span.from * heads * w, span.to * heads * w),
      key: projected.key.subarray(span.from * keyValueHeads * w, span.to * keyValueHeads * w),
      value: projected.value.subarray(span.from * keyValueHeads * w, span.to * keyValueHeads * w),
    }));
    for (const span of spans) {
      attended.set(attend(span.query, span.key, span.value, attendShape(options)), span.from * heads * w);
    }
    const back = linearBackward(attended, output.values, heads * w, dy.values);

    const dQuery = new Float64Array(projected.query.length);
    const dKey = new Float64Array(projected.key.length);
    const dValue = new Float64Array(projected.value.length);
    for (const span of spans) {
      const dAttended = back.dx.subarray(span.from * heads * w, span.to * heads * w);
      const part = attendBackward(span.query, span.key, span.value, attendShape(options), dAttended);
      dQuery.set(part.dQuery, span.from * heads * w);
      dKey.set(part.dKey, span.from * keyValueHeads * w);
      dValue.set(part.dValue, span.from * keyValueHeads * w);
    }
    rotateHeads(dQuery, sequences, { heads, stride: w, at: 0 }, options.rotary, -1);
    rotateHeads(dKey, sequences, { heads: keyValueHeads, stride: w, at: 0 }, options.rotary, -1);

    const norms: { queryNorm?: ReferenceTensor; keyNorm?: ReferenceTensor } = {};
    let dQueryRaw: Float64Array = dQuery;
    let dKeyRaw: Float64Array = dKey;
    if (queryNorm !== undefined) {
      const raw = linear(x.values, query.values, d);
      const { dx, dWeight } = rmsNormGroupsBackward(raw, queryNorm.values, { epsilon }, dQuery);
      dQueryRaw = dx;
      norms.queryNorm = tensor(dWeight, w);
    }
    if (keyNorm !== undefined) {
      const raw = linear(x.values, key.values, d);
      const { dx, dWeight } = rmsNormGroupsBackward(raw, keyNorm.values, { epsilon }, dKey);
      dKeyRaw = dx;
      norms.keyNorm = tensor(dWeight, w);
    }
    const throughQuery = linearBackward(x.values, query.values, d, dQueryRaw);
    const throughKey = linearBackward(x.values, key.values, d, dKeyRaw);
    const throughValue = linearBackward(x.values, value.values, d, dValue);
    const dx = throughQuery.dx.map((g, i) => g + (throughKey.dx[i] ?? 0) + (throughValue.dx[i] ?? 0));
    return {
      x: tensor(dx, ...x.shape),
      query: tensor(throughQuery.dWeight, ...query.shape),
      key: tensor(throughKey.dWeight, ...key.shape),
      value: tensor(throughValue.dWeight, ...value.shape),
      output: tensor(back.dWeight, ...output.shape),
      ...norms,
    };
  },
};

/** Normed and rotated queries [N, H, w] and keys [N, K, w], and values [N, K, w]. */
function project({ x, query, key, value, queryNorm, keyNorm }: Inputs, options: Options) {
  const { heads, keyValueHeads, headWidth: stride, rotary, sequences, epsilon } = options;
  const d = widthOf(x);
  let q = linear(x.values, query.values, d);
  let k = linear(x.values, key.values, d);
  if (queryNorm !== undefined) q = rmsNormGroups(q, queryNorm.values, { epsilon });
  if (keyNorm !== undefined) k = rmsNormGroups(k, keyNorm.values, { epsilon });
  rotateHeads(q, sequences, { heads, stride, at: 0 }, rotary, 1);
  rotateHeads(k, sequences, { heads: keyValueHeads, stride, at: 0 }, rotary, 1);
  return { query: q, key: k, value: linear(x.values, value.values, d) };
}

function attendShape({ heads, keyValueHeads, headWidth, scale }: Options) {
  return { heads, keyValueHeads, keyWidth: headWidth, valueWidth: headWidth, scale };
}

function checkInputs({ x, query, key, value, output, queryNorm, keyNorm }: Inputs, options: Options): void {
  const { heads, keyValueHeads, headWidth: w } = options;
  const d = widthOf(x);
  checkShape("gqa", "query", query, [heads * w, d]);
  checkShape("gqa", "key", key, [keyValueHeads * w, d]);
  checkShape("gqa", "value", value, [keyValueHeads * w, d]);
  checkShape("gqa", "output", output, [d, heads * w]);
  if (queryNorm !== undefined) checkShape("gqa", "queryNorm", queryNorm, [w]);
  if (keyNorm !== undefined) checkShape("gqa", "keyNorm", keyNorm, [w]);
}
