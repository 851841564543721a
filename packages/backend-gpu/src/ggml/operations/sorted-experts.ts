// The experts' products over tokens that are sorted into slots (expert-slots.ts): plain products, a batch of experts. The
// graph is put together when the host has seen the routes; all layers' gradients wait for that together, since routes are
// known after forward. Letters as in expert-products.ts, C slots an expert.

import { add, multiply, silu, siluBack, swiglu } from "../nodes/elementwise.js";
import type { Four } from "../nodes/node.js";
import { GgmlNode } from "../nodes/node.js";
import { mulMat, sumRows } from "../nodes/products.js";
import { cast, packedTranspose, reshape } from "../nodes/shape.js";
import type { ExpertGradients, ExpertInputs } from "./expert-inputs.js";
import { choicesToSlots, type ExpertSlots, expertSlots, fromSlots, toSlots } from "./expert-slots.js";
import type { EngineContext } from "./operation.js";
import { sumMiddle } from "./stream-parts.js";

/** How many times as many slots as choices are still faster than products by number. */
const MOST_WASTE = 5;

/** The experts' weighted sum [d, 1, N]; `byNumber` instead where most tokens go to few experts. */
export function sortedSum(inputs: ExpertInputs, byNumber: () => GgmlNode, engine: EngineContext): GgmlNode {
  const { x, ids, weights, gate, up, down } = inputs;
  const [d, tokens] = x.sides;
  const [k] = ids.sides;
  return deferred([d, 1, tokens, 1], inputs, [x, weights, gate, up, down], (slots) => {
    if (slots.capacity * slots.experts > MOST_WASTE * ids.values) return byNumber();
    const rows = toSlots(x, slots);
    const out = mulMat(down, swiglu(mulMat(gate, rows), mulMat(up, rows)));
    return sumMiddle(multiply(fromSlots(out, slots, k), reshape(weights, 1, k, tokens)), engine);
  });
}

/** The gradients of the experts' sum, of its gradient dy [d, N]. */
export function sortedGradients(inputs: ExpertInputs, dy: GgmlNode, engine: EngineContext): ExpertGradients {
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
