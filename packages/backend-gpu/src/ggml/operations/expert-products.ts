// What the experts of a mixture compute, forward and backward. Forward, a GPU multiplies each token with its experts'
// matrices in one operation; so does a CPU for few tokens. For many, a CPU's plain products are several times faster than
// that one, and gradients of weights need tokens side by side anyway: there tokens are sorted into slots by expert, in a
// graph that is put together when the routes are known. Letters: h the inner activations, w their number.

import { add, multiply, silu, siluBack, swiglu } from "../nodes/elementwise.js";
import type { Four } from "../nodes/node.js";
import { GgmlNode } from "../nodes/node.js";
import { mulMat, mulMatId, sumRows } from "../nodes/products.js";
import { cast, packedTranspose, reshape } from "../nodes/shape.js";
import { choicesToSlots, type ExpertSlots, expertSlots, fromSlots, toSlots } from "./expert-slots.js";
import type { EngineContext } from "./operation.js";
import { sumMiddle } from "./stream-parts.js";

/** Tokens, their routes, and the experts' matrices. */
export interface ExpertInputs {
  /** [d, N]. */
  readonly x: GgmlNode;
  /** i32 [k, N]. */
  readonly ids: GgmlNode;
  /** [k, N]. */
  readonly weights: GgmlNode;
  /** [d, w, E]. */
  readonly gate: GgmlNode;
  readonly up: GgmlNode;
  /** [w, d, E]. */
  readonly down: GgmlNode;
}

/** Choices an expert gets on average from which on a CPU sorts tokens. */
const SORTED_FROM = 8;
/** How many times as much a CPU may compute in slots than there are choices: its other product is so much slower. */
const MOST_WASTE = 5;

/** The weighted sum of what the experts of each token say, [d, N]. */
export function expertSum(inputs: ExpertInputs, engine: EngineContext): GgmlNode {
  const { x, ids, weights, gate, up, down } = inputs;
  const [d, tokens] = x.sides;
  const [k] = ids.sides;
  const experts = gate.sides[2];
  const choices = k * tokens;
  if (!engine.hostSeesResults || choices < SORTED_FROM * experts)
    return reshape(expertSumById(inputs, engine), d, tokens);
  const y = deferred([d, 1, tokens, 1], inputs, [x, weights, gate, up, down], (slots) => {
    if (slots.capacity * experts > MOST_WASTE * choices) return expertSumById(inputs, engine);
    const rows = toSlots(x, slots);
    const out = mulMat(down, swiglu(mulMat(gate, rows), mulMat(up, rows)));
    return sumMiddle(multiply(fromSlots(out, slots, k), reshape(weights, 1, k, tokens)), engine);
  });
  return reshape(y, d, tokens);
}

/** [d, 1, N]. */
function expertSumById({ x, ids, weights, gate, up, down }: ExpertInputs, engine: EngineContext): GgmlNode {
  const [d, tokens] = x.sides;
  const each = reshape(x, d, 1, tokens);
  const h = swiglu(mulMatId(gate, each, ids), mulMatId(up, each, ids)); // [w, k, N]
  const weighted = multiply(h, reshape(weights, 1, ids.sides[0], tokens));
  return sumMiddle(mulMatId(down, weighted, ids), engine);
}

/** Gradients of {@link expertSum}, each computed only where it is used. */
export interface ExpertGradients {
  readonly x: GgmlNode;
  readonly weights: GgmlNode;
  readonly gate: GgmlNode;
  readonly up: GgmlNode;
  readonly down: GgmlNode;
}

/** dy [d, N]. */
export function expertGradients(inputs: ExpertInputs, dy: GgmlNode, engine: EngineContext): ExpertGradients {
  const { x, ids, weights, gate, up, down } = inputs;
  const [d, tokens] = x.sides;
  const [k] = ids.sides;
  const known = new WeakMap<ExpertSlots, ReturnType<typeof slotGradients>>();
  const gradients = (slots: ExpertSlots) => {
    const own = known.get(slots) ?? slotGradients(inputs, dy, slots);
    known.set(slots, own);
    return own;
  };
  const plan = planOf(inputs);
  const part = (sides: Four, sources: readonly GgmlNode[], from: (slots: ExpertSlots) => GgmlNode) =>
    deferred(sides, inputs, [x, dy, gate, up, down, ...sources], from, plan);
  return {
    x: reshape(
      part([d, 1, tokens, 1], [weights], (slots) => sumMiddle(fromSlots(gradients(slots).rows(), slots, k), engine)),
      d,
      tokens,
    ),
    weights: reshape(
      part([1, k, tokens, 1], [], (slots) => fromSlots(gradients(slots).weights, slots, k)),
      k,
      tokens,
    ),
    gate: part(gate.sides, [weights], (slots) => gradients(slots).gate()),
    up: part(up.sides, [weights], (slots) => gradients(slots).up()),
    down: part(down.sides, [weights], (slots) => gradients(slots).down()),
  };
}

/** The gradients in slots. Slots left over have weight 0, and with it all that is summed over slots. */
function slotGradients({ x, weights, gate, up, down }: ExpertInputs, dy: GgmlNode, slots: ExpertSlots) {
  const rows = toSlots(x, slots); // [d, C, E]
  const dRows = toSlots(dy, slots);
  const share = multiply(choicesToSlots(weights, slots), slots.used); // [1, C, E]
  const [a, b] = [mulMat(gate, rows), mulMat(up, rows)]; // [w, C, E]
  const open = silu(a);
  const h = multiply(open, b);
  const through = mulMat(transposed(down), dRows);
  const dh = multiply(through, share);
  const da = siluBack(multiply(dh, b), a);
  const db = multiply(dh, open);
  const rowLines = packedTranspose(rows); // [C, d, E]
  return {
    weights: sumRows(multiply(through, h)),
    rows: () => add(mulMat(transposed(gate), da), mulMat(transposed(up), db)),
    gate: () => mulMat(rowLines, packedTranspose(da)),
    up: () => mulMat(rowLines, packedTranspose(db)),
    down: () => mulMat(packedTranspose(multiply(h, share)), packedTranspose(dRows)),
  };
}

function transposed(matrices: GgmlNode): GgmlNode {
  return packedTranspose(cast(matrices, "f32"));
}

type Plan = (bytes: Uint8Array) => ExpertSlots;

/** Sorts once, however many nodes wait for it. */
function planOf({ ids, gate }: ExpertInputs): Plan {
  let known: ExpertSlots | undefined;
  return (bytes) => {
    known ??= expertSlots(bytes, ids.sides[0], gate.sides[2]);
    return known;
  };
}

/** A node that is put together when the routes are known. */
function deferred(
  sides: Four,
  inputs: ExpertInputs,
  sources: readonly GgmlNode[],
  from: (slots: ExpertSlots) => GgmlNode,
  plan = planOf(inputs),
): GgmlNode {
  const { ids } = inputs;
  return new GgmlNode("f32", sides, {
    operation: "deferred",
    sources: [ids, ...new Set(sources)],
    deferral: { looksAt: [ids], expand: ([bytes]) => from(plan(bytes ?? new Uint8Array(0))) },
  });
}
