// shortConvolution: y = x + silu(conv(norm(x))) (paper, equation 5), conv causal, depthwise and dilated, per sequence; each
// residual stream is normed by itself. Composed of shifted views: memory-bound, and exact on every device.
// x [C, N], norm [C], weight [kernel, C], the last tap for the current token. The cache holds normed inputs.

import { add, concat, multiply, repeatBack, silu, siluBack } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { packedTranspose, reshape, slice } from "../nodes/shape.js";
import { cacheSlots } from "./cache-access.js";
import { readHistory, writeHistory } from "./convolution-cache.js";
import { convolutionLines, convolve } from "./convolution-lines.js";
import { normed, normedBack } from "./linear-parts.js";
import { madeParts } from "./made-parts.js";
import { noTokens } from "./no-tokens.js";
import type { EngineContext, GgmlOperation, NodeCall, Operands } from "./operation.js";
import { refuseCaches } from "./refuse-caches.js";
import { sequenceBatch } from "./sequence-batch.js";

type Inputs = Operands<"shortConvolution">;
type Options = NodeCall<"shortConvolution">["options"];

/** What a forward makes on its way. */
interface Parts {
  /** [C, pad + length, S]. */
  readonly lines: GgmlNode;
  /** What silu is applied to, [C, N]. */
  readonly convolved: GgmlNode;
}

const made = madeParts<Parts>();

export const shortConvolution: GgmlOperation<"shortConvolution"> = {
  forward(inputs, options, engine) {
    const { x } = inputs;
    if (x.node.empty) return noTokens(x);
    const parts = convolution(inputs, options, engine);
    const node = add(x.node, silu(parts.convolved));
    if (options.caches === undefined) made.keep(node, parts, [parts.convolved]);
    return { outputs: { y: { node, shape: x.shape } } };
  },

  backward({ inputs, options, outputs }, { y: dy }, _, engine) {
    if (dy === undefined) return {};
    refuseCaches("shortConvolution", options);
    const { x, norm, weight } = inputs;
    if (x.node.empty) return {};
    const { lines, convolved } = made.find(outputs.y.node) ?? convolution(inputs, options, engine);
    const [kernel, C] = weight.node.sides;
    const { dilation } = options;
    const pad = (kernel - 1) * dilation;
    const layout = convolutionLines(engine, sequenceBatch(options.sequences), pad);
    const behind = layout.after(siluBack(dy, convolved)); // [C, length + pad, S]
    const length = behind.sides[1] - pad;
    const own = slice(behind, 1, 0, length);
    const dTaps = Array.from({ length: kernel }, (_, j) => {
      const seen = slice(lines, 1, j * dilation, length);
      return reshape(repeatBack(multiply(seen, own), [C, 1, 1, 1]), C, 1);
    });
    const backTaps = tapsOf(weight.node).map((tap, j) => ({ shift: (kernel - 1 - j) * dilation, tap }));
    const dNormed = layout.tokens(convolve(behind, backTaps, pad));
    const through = normedBack(dNormed, x.node, norm.node, normFacts(options));
    return {
      x: add(through.dx, dy),
      norm: through.dWeight,
      weight: packedTranspose(dTaps.reduce((a, b) => concat(a, b, 1))),
    };
  },
};

function convolution({ x, norm, weight }: Inputs, options: Options, engine: EngineContext): Parts {
  const { dilation, sequences, caches } = options;
  const [kernel] = weight.node.sides;
  const pad = (kernel - 1) * dilation;
  const batch = sequenceBatch(sequences);
  const inner = normed(x.node, norm.node, normFacts(options));
  const slots = caches === undefined ? undefined : cacheSlots("shortConvolution", caches);
  const history = slots === undefined ? undefined : readHistory(engine, batch, slots, pad);
  if (slots !== undefined) writeHistory(engine, batch, slots, inner);
  const layout = convolutionLines(engine, batch, pad);
  const lines = layout.before(inner, history);
  const taps = tapsOf(weight.node).map((tap, j) => ({ shift: j * dilation, tap }));
  return { lines, convolved: layout.tokens(convolve(lines, taps, pad)) };
}

/** The taps, first the one that looks back furthest: [C] each. */
function tapsOf(weight: GgmlNode): readonly GgmlNode[] {
  const [kernel, C] = weight.sides;
  const turned = packedTranspose(weight); // [C, kernel]
  return Array.from({ length: kernel }, (_, j) => reshape(slice(turned, 1, j, 1), C));
}

function normFacts({ streams, epsilon, weightOffset }: Options) {
  return { epsilon, groups: streams, weightOffset };
}
