// mla, multi-head latent attention: keys and values of all heads come from one latent, and one rotated key is shared by
// the heads. The cache holds the normed latent and the rotated key, nothing per head.
//   c_q = norm(queryDown x), or x itself;  q_h = [q_content, R q_rotary] = queryUp_h c_q
//   [c, k] = keyValueDown x;  c <- norm(c);  k <- R k;  [k_h, v_h] = keyValueUp_h c
//   o_h = softmax(scale <q_h, [k_h, k]>) v_h;  y = output [o_1 .. o_H]
// Letters: H heads, n content width, r rotary width, u value width, R the rotation. Shapes: backend-operations.ts.

import type { BackendOperation, MlaOptions, OperationInputs } from "../../model/backend-operations.js";
import { attend, attendBackward } from "../attend.js";
import { checkCaches, readCache, writeCache } from "../cache.js";
import { linear, linearBackward } from "../linear.js";
import { rmsNormGroups, rmsNormGroupsBackward } from "../rms-norm.js";
import { rotateHeads } from "../rotary.js";
import { columns, refuseCaches, sequenceSpans, sideBySide } from "../sequence-spans.js";
import { checkShape, type ReferenceTensor, rowsOf, tensor, widthOf } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "mla">;
type Options = MlaOptions<ReferenceTensor>;

export const mla: BackendOperation<ReferenceTensor, "mla"> = {
  forward(inputs, options) {
    const { x, output, keyValueUp } = inputs;
    const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u, sequences } = options;
    const rank = checkInputs(inputs, options);
    const caches = checkCaches("mla", options.caches, sequences, rank + r);
    const { query } = projectQuery(inputs, options);
    const { latent, shared } = projectLatent(inputs, options);
    const attended = new Float64Array(rowsOf(x) * heads * u);
    for (const { sequence, from, to, start } of sequenceSpans("mla", sequences, x)) {
      let latents = latent.subarray(from * rank, to * rank); // [P, rank]
      let keys = shared.subarray(from * r, to * r); // [P, r]
      const cache = caches?.[sequence];
      if (cache !== undefined) {
        writeCache(cache, start, sideBySide(latents, keys, rank, r));
        const rows = readCache(cache, 0, start + to - from);
        latents = columns(rows, rank + r, 0, rank);
        keys = columns(rows, rank + r, rank, rank + r);
      }
      const { key, value } = expand(linear(latents, keyValueUp.values, rank), keys, options);
      const own = query.subarray(from * heads * (n + r), to * heads * (n + r));
      attended.set(attend(own, key, value, attendShape(options)), from * heads * u);
    }
    return { y: tensor(linear(attended, output.values, heads * u), ...x.shape) };
  },

  backward({ inputs, options }, { y: dy }) {
    if (dy === undefined) return {};
    refuseCaches("mla", options);
    const { x, keyValueDown, keyValueNorm, keyValueUp, output } = inputs;
    const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u, sequences, epsilon } = options;
    const rank = keyValueNorm.values.length;
    const tokens = rowsOf(x);
    const { query, queryLatent, queryDown } = projectQuery(inputs, options);
    const { down, latent, shared } = projectLatent(inputs, options);
    const { key, value } = expand(linear(latent, keyValueUp.values, rank), shared, options); // [N, H, ...]

    const spans = sequenceSpans("mla", sequences, x);
    const part = (values: Float64Array, span: { from: number; to: number }, width: number) =>
      values.subarray(span.from * heads * width, span.to * heads * width);
    const attended = new Float64Array(tokens * heads * u);
    for (const span of spans) {
      const o = attend(part(query, span, n + r), part(key, span, n + r), part(value, span, u), attendShape(options));
      attended.set(o, span.from * heads * u);
    }
    const back = linearBackward(attended, output.values, heads * u, dy.values);
    const dQuery = new Float64Array(query.length);
    const dKey = new Float64Array(key.length);
    const dValue = new Float64Array(value.length);
    for (const span of spans) {
      const q = part(query, span, n + r);
      const k = part(key, span, n + r);
      const d = attendBackward(q, k, part(value, span, u), attendShape(options), part(back.dx, span, u));
      dQuery.set(d.dQuery, span.from * heads * (n + r));
      dKey.set(d.dKey, span.from * heads * (n + r));
      dValue.set(d.dValue, span.from * heads * u);
    }

    // query: rotation, up, norm, down
    rotateHeads(dQuery, sequences, { heads, stride: n + r, at: n }, options.rotary, -1);
    const throughUp = linearBackward(queryLatent, inputs.queryUp.values, widthOf(inputs.queryUp), dQuery);
    let dxQuery = throughUp.dx;
    const optional: { queryDown?: ReferenceTensor; queryNorm?: ReferenceTensor } = {};
    if (inputs.queryDown !== undefined && inputs.queryNorm !== undefined && queryDown !== undefined) {
      const normed = rmsNormGroupsBackward(queryDown, inputs.queryNorm.values, { epsilon }, throughUp.dx);
      const throughDown = linearBackward(x.values, inputs.queryDown.values, widthOf(x), normed.dx);
      dxQuery = throughDown.dx;
      optional.queryDown = tensor(throughDown.dWeight, ...inputs.queryDown.shape);
      optional.queryNorm = tensor(normed.dWeight, ...inputs.queryNorm.shape);
    }

    // keys and values: their heads back into one, rotation, up, norm, down
    const { dUp, dShared } = contract(dKey, dValue, options);
    rotateHeads(dShared, sequences, { heads: 1, stride: r, at: 0 }, options.rotary, -1);
    const throughKeyValueUp = linearBackward(latent, keyValueUp.values, rank, dUp);
    const rawLatent = columns(down, rank + r, 0, rank);
    const normed = rmsNormGroupsBackward(rawLatent, keyValueNorm.values, { epsilon }, throughKeyValueUp.dx);
    const dDown = sideBySide(normed.dx, dShared, rank, r);
    const throughKeyValueDown = linearBackward(x.values, keyValueDown.values, widthOf(x), dDown);

    const dx = dxQuery.map((g, i) => g + (throughKeyValueDown.dx[i] ?? 0));
    return {
      x: tensor(dx, ...x.shape),
      queryUp: tensor(throughUp.dWeight, ...inputs.queryUp.shape),
      keyValueDown: tensor(throughKeyValueDown.dWeight, ...keyValueDown.shape),
      keyValueNorm: tensor(normed.dWeight, ...keyValueNorm.shape),
      keyValueUp: tensor(throughKeyValueUp.dWeight, ...keyValueUp.shape),
      output: tensor(back.dWeight, ...output.shape),
      ...optional,
    };
  },
};

/** Rotated queries [N, H, n + r]; what they were made of: the latent before and after its norm. */
function projectQuery({ x, queryUp, queryDown, queryNorm }: Inputs, options: Options) {
  const { heads, contentWidth: n, rotaryWidth: r, sequences, rotary, epsilon } = options;
  const down = queryDown === undefined ? undefined : linear(x.values, queryDown.values, widthOf(x));
  const queryLatent =
    down === undefined || queryNorm === undefined ? x.values : rmsNormGroups(down, queryNorm.values, { epsilon });
  const query = linear(queryLatent, queryUp.values, widthOf(queryUp));
  rotateHeads(query, sequences, { heads, stride: n + r, at: n }, rotary, 1);
  return { query, queryLatent, queryDown: down };
}

/** keyValueDown x [N, rank + r], and of it the normed latent [N, rank] and the rotated shared key [N, r]. */
function projectLatent({ x, keyValueDown, keyValueNorm }: Inputs, options: Options) {
  const { rotaryWidth: r, sequences, rotary, epsilon } = options;
  const rank = keyValueNorm.values.length;
  const down = linear(x.values, keyValueDown.values, widthOf(x));
  const latent = rmsNormGroups(columns(down, rank + r, 0, rank), keyValueNorm.values, { epsilon });
  const shared = columns(down, rank + r, rank, rank + r);
  rotateHeads(shared, sequences, { heads: 1, stride: r, at: 0 }, rotary, 1);
  return { down, latent, shared };
}

/** up [P, H, n + u] and the shared key [P, r] as keys [P, H, n + r] and values [P, H, u]. */
function expand(up: Float64Array, shared: Float64Array, options: Options) {
  const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u } = options;
  const rows = up.length / (n + u); // P * H
  const key = new Float64Array(rows * (n + r));
  for (let i = 0; i < rows; i++) {
    const token = Math.floor(i / heads);
    key.set(up.subarray(i * (n + u), i * (n + u) + n), i * (n + r));
    key.set(shared.subarray(token * r, (token + 1) * r), i * (n + r) + n);
  }
  return { key, value: columns(up, n + u, n, n + u) };
}

/** The gradients' way back through {@link expand}. */
function contract(dKey: Float64Array, dValue: Float64Array, options: Options) {
  const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u } = options;
  const dUp = sideBySide(columns(dKey, n + r, 0, n), dValue, n, u); // [N, H, n + u]
  const dShared = new Float64Array((dKey.length / (n + r) / heads) * r); // [N, r]: the sum over heads
  for (let i = 0; i < dKey.length / (n + r); i++) {
    const at = Math.floor(i / heads) * r;
    for (let c = 0; c < r; c++) dShared[at + c] = (dShared[at + c] ?? 0) + (dKey[i * (n + r) + n + c] ?? 0);
  }
  return { dUp, dShared };
}

function attendShape({ heads, contentWidth, rotaryWidth, valueWidth, scale }: Options) {
  return { heads, keyValueHeads: heads, keyWidth: contentWidth + rotaryWidth, valueWidth, scale };
}

function checkInputs(inputs: Inputs, { heads, contentWidth, rotaryWidth, valueWidth }: Options): number {
  const { x, queryUp, queryDown, queryNorm, keyValueDown, keyValueNorm, keyValueUp, output } = inputs;
  const d = widthOf(x);
  const rank = keyValueNorm.values.length;
  const queryRank = queryDown === undefined ? d : rowsOf(queryDown);
  if (queryDown !== undefined) checkShape("mla", "queryDown", queryDown, [queryRank, d]);
  if (queryNorm !== undefined) checkShape("mla", "queryNorm", queryNorm, [queryRank]);
  checkShape("mla", "queryUp", queryUp, [heads * (contentWidth + rotaryWidth), queryRank]);
  checkShape("mla", "keyValueDown", keyValueDown, [rank + rotaryWidth, d]);
  checkShape("mla", "keyValueUp", keyValueUp, [heads * (contentWidth + valueWidth), rank]);
  checkShape("mla", "output", output, [d, heads * valueWidth]);
  return rank;
}
