// Tokens laid out so that every tap of a causal convolution is a shifted view: each sequence with what lies before it (or
// after it, for gradients), zeros or tokens of a cache. Equally long sequences lie side by side, others one after the other
// on one line, from which the results are picked. Letters: C channels, N tokens, S sequences, `pad` tokens looked back.

import { add, concat, multiply, repeat } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { getRows } from "../nodes/products.js";
import { hostLeaf, reshape, slice } from "../nodes/shape.js";
import type { EngineContext } from "./operation.js";
import type { SequenceBatch } from "./sequence-batch.js";

/** A layout of a batch's tokens. */
export interface ConvolutionLines {
  /** Values [C, N], each sequence behind its history [C, S * pad], or behind zeros: [C, pad + length, S]. */
  before(values: GgmlNode, history?: GgmlNode): GgmlNode;
  /** The same with zeros behind each sequence. */
  after(values: GgmlNode): GgmlNode;
  /** What was computed of lines, shorter by `pad`, as tokens again: [C, N]. */
  tokens(results: GgmlNode): GgmlNode;
}

/** The layout for convolutions that look back `pad` tokens. */
export function convolutionLines(engine: EngineContext, batch: SequenceBatch, pad: number): ConvolutionLines {
  const { runs, sequences, tokens: N } = batch;
  const [only] = runs;
  if (pad === 0) return { before: (values) => values, after: (values) => values, tokens: (results) => results };
  if (runs.length === 1 && only !== undefined) {
    const { length, count } = only;
    const side = (values: GgmlNode, tokens: number): GgmlNode => reshape(values, values.sides[0], tokens, count);
    return {
      before: (values, history) =>
        concat(
          history === undefined ? zeros(engine, values.sides[0], pad, count) : side(history, pad),
          side(values, length),
          1,
        ),
      after: (values) => concat(side(values, length), zeros(engine, values.sides[0], pad, count), 1),
      tokens: (results) => reshape(results, results.sides[0], N),
    };
  }
  const L = N + sequences.length * pad;
  // rows of what is laid out: those of `first` come first, then a row of zeros or the histories
  const layout = (name: string, token: (s: number, t: number) => number): GgmlNode =>
    batch.leaf(`${name} ${pad}`, () => {
      const rows = new Int32Array(L);
      let at = 0;
      sequences.forEach(({ length }, s) => {
        for (let t = -pad; t < length; t++) rows[at++] = token(s, t);
      });
      return hostLeaf("i32", [L], rows);
    });
  const from = (s: number): number => sequences[s]?.from ?? 0;
  const length = (s: number): number => sequences[s]?.length ?? 0;
  return {
    before(values, history) {
      const rest = history ?? zeros(engine, values.sides[0], 1, 1);
      const rows =
        history === undefined
          ? layout("before", (s, t) => (t < 0 ? N : from(s) + t))
          : layout("history", (s, t) => (t < 0 ? N + s * pad + pad + t : from(s) + t));
      return getRows(concat(values, rest, 1), rows);
    },
    after(values) {
      const rows = layout("after", (s, t) => (t + pad < length(s) ? from(s) + t + pad : N));
      return getRows(concat(values, zeros(engine, values.sides[0], 1, 1), 1), rows);
    },
    tokens(results) {
      const rows = batch.leaf(`picked ${pad}`, () => {
        const picked = new Int32Array(N);
        sequences.forEach((one, s) => {
          for (let t = 0; t < one.length; t++) picked[one.from + t] = one.from + s * pad + t;
        });
        return hostLeaf("i32", [N], picked);
      });
      return getRows(results, rows);
    },
  };
}

/** Sums of shifted views, each times a tap [C]: `taps` by their shifts in tokens. Shorter than the lines by `pad`. */
export function convolve(
  lines: GgmlNode,
  taps: readonly { readonly shift: number; readonly tap: GgmlNode }[],
  pad: number,
): GgmlNode {
  const length = lines.sides[1] - pad;
  return taps.map(({ shift, tap }) => multiply(slice(lines, 1, shift, length), tap)).reduce(add);
}

function zeros(engine: EngineContext, C: number, tokens: number, S: number): GgmlNode {
  return repeat(engine.constant(Float32Array.of(0)), [C, tokens, S, 1]);
}
