// engramGate: how far each residual stream m lets a token's memory e in, and what it takes from it.
//   k_m = norm(key_m e + keyBias_m);  q_m = norm(streams_m);  s_m = <k_m, q_m> / sqrt(d)
//   g_m = sigmoid(sign(s_m) sqrt(max(|s_m|, 1e-6)));  v = value e + valueBias;  y_m = g_m v
// (paper, equations 3, 4 and 6, with the signed root of the published code.) Dead tokens have g = 0.
// streams [N, M * d], memory [N, w], key [M * d, w], value [d, w], the norms' scales and keyBias [M * d].

import type { BackendOperation, EngramGateOptions, OperationInputs } from "../../model/backend-operations.js";
import { copiedSignGate, gateSlope, signedRootGate } from "../gate.js";
import { linear, linearBackward } from "../linear.js";
import { rmsNormGroups, rmsNormGroupsBackward } from "../rms-norm.js";
import { checkShape, type ReferenceTensor, rowsOf, tensor, widthOf } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "engramGate">;

export const engramGate: BackendOperation<ReferenceTensor, "engramGate"> = {
  forward(inputs, options) {
    const { streams } = inputs;
    checkInputs(inputs, options);
    const { value, gates } = compute(inputs, options);
    const d = widthOf(inputs.streams) / options.streams;
    const y = new Float64Array(streams.values.length);
    for (let i = 0; i < gates.length; i++) {
      const t = Math.floor(i / options.streams);
      for (let c = 0; c < d; c++) y[i * d + c] = (gates[i] ?? 0) * (value[t * d + c] ?? 0);
    }
    return { y: tensor(y, ...streams.shape), gates: tensor(gates, rowsOf(streams), options.streams) };
  },

  backward({ inputs, options }, { y: dy }) {
    if (dy === undefined) return {};
    const { streams, memory, value: valueWeight, key: keyWeight, keyNorm, queryNorm, valueBias, keyBias } = inputs;
    const d = widthOf(streams) / options.streams;
    const { rawKey, key, query, scores, gates, value } = compute(inputs, options);
    const dValue = new Float64Array(value.length);
    const dKey = new Float64Array(key.length);
    const dQuery = new Float64Array(query.length);
    for (let i = 0; i < gates.length; i++) {
      const t = Math.floor(i / options.streams);
      const g = gates[i] ?? 0;
      let dGate = 0;
      for (let c = 0; c < d; c++) {
        const up = dy.values[i * d + c] ?? 0;
        dGate += up * (value[t * d + c] ?? 0);
        dValue[t * d + c] = (dValue[t * d + c] ?? 0) + g * up;
      }
      const dScore = (dGate * gateSlope(scores[i] ?? 0, g)) / Math.sqrt(d); // 0 for dead tokens, whose g is 0
      for (let c = 0; c < d; c++) {
        dKey[i * d + c] = dScore * (query[i * d + c] ?? 0);
        dQuery[i * d + c] = dScore * (key[i * d + c] ?? 0);
      }
    }
    const norm = normOf(options);
    const throughKeyNorm = rmsNormGroupsBackward(rawKey, keyNorm.values, norm, dKey);
    const throughQueryNorm = rmsNormGroupsBackward(streams.values, queryNorm.values, norm, dQuery);
    const throughKey = linearBackward(memory.values, keyWeight.values, widthOf(memory), throughKeyNorm.dx);
    const throughValue = linearBackward(memory.values, valueWeight.values, widthOf(memory), dValue);
    const dMemory = throughKey.dx.map((g, i) => g + (throughValue.dx[i] ?? 0));
    return {
      streams: tensor(throughQueryNorm.dx, ...streams.shape),
      memory: tensor(dMemory, ...memory.shape),
      value: tensor(throughValue.dWeight, ...valueWeight.shape),
      key: tensor(throughKey.dWeight, ...keyWeight.shape),
      keyNorm: tensor(throughKeyNorm.dWeight, ...keyNorm.shape),
      queryNorm: tensor(throughQueryNorm.dWeight, ...queryNorm.shape),
      ...(valueBias === undefined ? {} : { valueBias: tensor(throughValue.dBias, ...valueBias.shape) }),
      ...(keyBias === undefined ? {} : { keyBias: tensor(throughKey.dBias, ...keyBias.shape) }),
    };
  },
};

/** Keys before and after their norm and queries [N, M, d], scores and gates [N, M], values [N, d]. */
function compute({ streams, memory, value, key, keyNorm, queryNorm, ...bias }: Inputs, options: EngramGateOptions) {
  const d = widthOf(streams) / options.streams;
  const rawKey = linear(memory.values, key.values, widthOf(memory), bias.keyBias?.values);
  const normedKey = rmsNormGroups(rawKey, keyNorm.values, normOf(options));
  const query = rmsNormGroups(streams.values, queryNorm.values, normOf(options));
  const scores = new Float64Array(rowsOf(streams) * options.streams);
  const gate = options.zeroScore === "half" ? signedRootGate : copiedSignGate;
  const gates = scores.map((_, i) => {
    let s = 0;
    for (let c = 0; c < d; c++) s += (normedKey[i * d + c] ?? 0) * (query[i * d + c] ?? 0);
    scores[i] = s / Math.sqrt(d);
    return options.dead?.[Math.floor(i / options.streams)] ? 0 : gate(scores[i] ?? 0);
  });
  const values = linear(memory.values, value.values, widthOf(memory), bias.valueBias?.values);
  return { rawKey, key: normedKey, query, scores, gates, value: values };
}

function normOf({ streams, epsilon, weightOffset }: EngramGateOptions) {
  return { epsilon, weightOffset, groups: streams };
}

function checkInputs(inputs: Inputs, options: EngramGateOptions): void {
  const { streams, memory, value, key, keyNorm, queryNorm, valueBias, keyBias } = inputs;
  const width = widthOf(streams);
  const d = width / options.streams;
  checkShape("engramGate", "memory", memory, [rowsOf(streams), widthOf(memory)]);
  checkShape("engramGate", "value", value, [d, widthOf(memory)]);
  checkShape("engramGate", "key", key, [width, widthOf(memory)]);
  checkShape("engramGate", "keyNorm", keyNorm, [width]);
  checkShape("engramGate", "queryNorm", queryNorm, [width]);
  if (valueBias !== undefined) checkShape("engramGate", "valueBias", valueBias, [d]);
  if (keyBias !== undefined) checkShape("engramGate", "keyBias", keyBias, [width]);
}
