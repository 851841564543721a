// moe: y = shared(x) + sum over the chosen experts of weight_e expert_e(x), with the choice, its weights and the load of
// each expert. The router is expert-route.ts, the experts expert-products.ts. In ggml's order x [d, N], router [d, E], gate
// and up [d, w, E], down [w, d, E].

import type { MoeOptions } from "@engram-ts/core";
import { add, scale, swiglu } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { cast } from "../nodes/shape.js";
import { expertGradients, expertSum } from "./expert-products.js";
import { loadOf, type RouteNodes, routeBack, routeNodes } from "./expert-route.js";
import { linearInputGradient, linearMap, linearWeightGradient } from "./linear-parts.js";
import type { EngineContext, GgmlOperation, Operands } from "./operation.js";
import { swigluBack } from "./simple.js";

interface MoeNodes {
  readonly route: RouteNodes;
  readonly shared?: SharedNodes;
}

/** Shared experts: matrices, and their products. */
interface SharedNodes {
  readonly gate: GgmlNode;
  readonly up: GgmlNode;
  readonly down: GgmlNode;
  readonly gated: GgmlNode;
  readonly upped: GgmlNode;
}

/** By the node of y, so that the gradient shares what is to be computed in the same run. */
const computed = new WeakMap<GgmlNode, MoeNodes>();

export const moe: GgmlOperation<"moe"> = {
  forward(inputs, options, engine) {
    const { x } = inputs;
    const [, tokens] = x.node.sides;
    const nodes = compute(inputs, options, engine);
    const { route, shared } = nodes;
    const routed = expertSum(expertInputs(inputs, route), engine);
    const y = shared === undefined ? routed : add(routed, linearMap(swiglu(shared.gated, shared.upped), shared.down));
    computed.set(y.root, nodes);
    const choices = [tokens, options.topK];
    return {
      outputs: {
        y: { node: y, shape: x.shape },
        experts: { node: cast(route.ids, "f32"), shape: choices },
        weights: { node: route.weights, shape: choices },
        load: { node: loadOf(route, engine), shape: [inputs.gate.node.sides[2]] },
      },
    };
  },

  backward({ inputs, options, outputs }, { y: dy }, wanted, engine) {
    if (dy === undefined) return {};
    if (dy.empty) return zeros(inputs, wanted);
    const { x, router } = inputs;
    const { route, shared } = computed.get(outputs.y.node.root) ?? compute(inputs, options, engine);
    const through = expertGradients(expertInputs(inputs, route), dy, engine);
    const dProducts = routeBack(through.weights, route, options, engine);
    const besides = shared === undefined ? undefined : sharedGradients(x.node, shared, dy);
    const throughAll = add(through.x, linearInputGradient(dProducts, router.node));
    return {
      x: besides === undefined ? throughAll : add(throughAll, besides.x),
      ...(wanted.has("router") && { router: linearWeightGradient(dProducts, x.node) }),
      gate: through.gate,
      up: through.up,
      down: through.down,
      ...besides?.matrices,
    };
  },
};

function compute(inputs: Operands<"moe">, options: MoeOptions, engine: EngineContext): MoeNodes {
  const { x, router, routerBias, sharedGate, sharedUp, sharedDown } = inputs;
  const route = routeNodes(x.node, router.node, routerBias?.node, options, engine);
  if (sharedGate === undefined || sharedUp === undefined || sharedDown === undefined) return { route };
  const [gate, up, down] = [sharedGate.node, sharedUp.node, sharedDown.node];
  return { route, shared: { gate, up, down, gated: linearMap(x.node, gate), upped: linearMap(x.node, up) } };
}

function expertInputs({ x, gate, up, down }: Operands<"moe">, { ids, weights }: RouteNodes) {
  return { x: x.node, ids, weights, gate: gate.node, up: up.node, down: down.node };
}

function sharedGradients(x: GgmlNode, { gate, up, down, gated, upped }: SharedNodes, dy: GgmlNode) {
  const { dGate, dUp, inner } = swigluBack(gated, upped, linearInputGradient(dy, down));
  return {
    x: add(linearInputGradient(dGate, gate), linearInputGradient(dUp, up)),
    matrices: {
      sharedGate: linearWeightGradient(dGate, x),
      sharedUp: linearWeightGradient(dUp, x),
      sharedDown: linearWeightGradient(dy, inner),
    },
  };
}

/** Gradients of a step without tokens. */
function zeros(inputs: Operands<"moe">, wanted: ReadonlySet<string>): Record<string, GgmlNode> {
  const all = Object.entries(inputs).filter(([name]) => wanted.has(name) && name !== "routerBias");
  return Object.fromEntries(all.map(([name, { node }]) => [name, scale(cast(node, "f32"), 0)]));
}
