// What the experts of a mixture compute, forward and backward: each token times its experts' matrices, in one operation by
// their numbers. Where that is slow, or has no gradient for the matrices, tokens are sorted first (sorted-experts.ts): on a
// GPU to go backward, on a CPU without the package's own kernels for many tokens. Letters: h the inner activations, w their
// number, k experts of a token.

import { add, multiply, silu, siluBack, swiglu } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { expertGradients as matrixGradients, mulMatId, sumRows } from "../nodes/products.js";
import { packedTranspose, reshape } from "../nodes/shape.js";
import type { ExpertGradients, ExpertInputs } from "./expert-inputs.js";
import type { EngineContext } from "./operation.js";
import { sortedGradients, sortedSum } from "./sorted-experts.js";
import { sumMiddle } from "./stream-parts.js";

/** Choices an expert gets on average from which on a CPU without kernels sorts tokens. */
const SORTED_FROM = 8;

/** The weighted sum of what the experts of each token say, [d, N]. */
export function expertSum(inputs: ExpertInputs, engine: EngineContext): GgmlNode {
  const { x, ids, gate } = inputs;
  const byNumber = () => sumByNumber(inputs, engine);
  const slow = engine.hostSeesResults && !hasKernels(inputs, engine) && ids.values >= SORTED_FROM * gate.sides[2];
  const y = slow ? sortedSum(inputs, byNumber, engine) : byNumber();
  return reshape(y, x.sides[0], x.sides[1]);
}

/** dy [d, N]. */
export function expertGradients(inputs: ExpertInputs, dy: GgmlNode, engine: EngineContext): ExpertGradients {
  return hasKernels(inputs, engine) ? gradientsByNumber(inputs, dy, engine) : sortedGradients(inputs, dy, engine);
}

function hasKernels({ gate, up, down }: ExpertInputs, { kernels }: EngineContext): boolean {
  return kernels && [gate, up, down].every(({ type }) => type === "f32");
}

/** The two inner products [w, k, N], by the node of their routes: backward shares them where it runs with forward. */
const products = new WeakMap<GgmlNode, { readonly gated: GgmlNode; readonly upped: GgmlNode }>();

function innerProducts({ x, ids, gate, up }: ExpertInputs) {
  const known = products.get(ids);
  if (known !== undefined) return known;
  const each = reshape(x, x.sides[0], 1, x.sides[1]);
  const made = { gated: mulMatId(gate, each, ids), upped: mulMatId(up, each, ids) };
  products.set(ids, made);
  return made;
}

/** [d, 1, N]. */
function sumByNumber(inputs: ExpertInputs, engine: EngineContext): GgmlNode {
  const { ids, weights, down } = inputs;
  const [k, tokens] = ids.sides;
  const { gated, upped } = innerProducts(inputs);
  const weighted = multiply(swiglu(gated, upped), reshape(weights, 1, k, tokens));
  return sumMiddle(mulMatId(down, weighted, ids), engine);
}

function gradientsByNumber(inputs: ExpertInputs, dy: GgmlNode, engine: EngineContext): ExpertGradients {
  const { x, ids, gate, up, down } = inputs;
  const [d, tokens] = x.sides;
  const [k] = ids.sides;
  const experts = gate.sides[2];
  const weights = reshape(inputs.weights, 1, k, tokens);
  const [each, dEach] = [reshape(x, d, 1, tokens), reshape(dy, d, 1, tokens)];
  const { gated, upped } = innerProducts(inputs);
  const open = silu(gated);
  const h = multiply(open, upped); // [w, k, N]
  const through = mulMatId(packedTranspose(down), dEach, ids);
  const dh = multiply(through, weights);
  const dGated = siluBack(multiply(dh, upped), gated);
  const dUpped = multiply(dh, open);
  const dRows = add(mulMatId(packedTranspose(gate), dGated, ids), mulMatId(packedTranspose(up), dUpped, ids));
  return {
    x: reshape(sumMiddle(dRows, engine), d, tokens),
    weights: reshape(sumRows(multiply(through, h)), k, tokens),
    gate: matrixGradients(each, dGated, ids, experts),
    up: matrixGradients(each, dUpped, ids, experts),
    down: matrixGradients(multiply(h, weights), dEach, ids, experts),
  };
}
