// moe, a mixture of SwiGLU experts: y = shared(x) + sum over the chosen experts of weight_e expert_e(x). The router is
// expert-route.ts; who computes what is expert-plan.ts. Besides y it gives the choice and the load.
// x [N, d], router [E, d], gate and up [E, w, d], down [E, d, w]. Slots: tokens in the order of their experts.

import type { ExpertPlan } from "../expert-plan.js";
import { route, routeAgain, routeBackward } from "../expert-route.js";
import { linear, linearInputGradient, linearWeightGradient } from "../matrix-product.js";
import { planExperts } from "../plan-experts.js";
import { gated, gatedBackward, type SwigluWeights, swiglu, swigluBackward } from "../swiglu.js";
import type { ArrayInputs, TensorOperation } from "../tensor-operation.js";
import { rowsOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import { floats } from "../tfjs-runtime.js";

type Inputs = ArrayInputs<"moe">;

export const moe: TensorOperation<"moe"> = {
  forward(runtime, inputs, options) {
    const { tf } = runtime;
    const { x, router, gate, down, routerBias } = inputs;
    const [tokens = 0, d = 0] = x.shape;
    const experts = rowsOf(router);
    const k = options.topK;
    const shared = sharedWeights(inputs);
    const routes = route(runtime, linear(runtime, x, router), routerBias, options);
    const plan = planExperts(runtime, routes.experts, experts);
    const { a, b } = hidden(plan, plan.toSlots(x), gate, inputs.up);
    const out = plan.toRoutes(plan.linear(gated(runtime, a, b), down)); // [N * k, d]
    const weighted = tf.mul(tf.reshape(out, [tokens, k, d]), tf.reshape(routes.weights, [tokens, k, 1]));
    const y = tf.sum(weighted, 1);
    return {
      y: shared === undefined ? y : tf.add(y, swiglu(runtime, x, shared)),
      experts: floats(runtime, routes.experts),
      weights: routes.weights,
      load: tf.sum(tf.reshape(routes.chosen, [tokens * k, experts]), 0),
    };
  },

  backward(runtime, { inputs, options, outputs }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    const { tf } = runtime;
    const { x, router, gate, up, down } = inputs;
    const [tokens = 0, d = 0] = x.shape;
    const k = options.topK;
    const routes = routeAgain(runtime, linear(runtime, x, router), outputs.experts, options);
    const plan = planExperts(runtime, routes.experts, rowsOf(router));
    const rows = plan.toSlots(x);
    const { a, b } = hidden(plan, rows, gate, up);
    const h = gated(runtime, a, b);

    const dOut = plan.toSlots(dy); // before the weights
    const dh = plan.linearInputGradient(down, dOut);
    const dWeights = tf.reshape(plan.toRoutes(tf.sum(tf.mul(dh, h), 1, true)), [tokens, k]);
    const weights = plan.routesToSlots(routes.weights);
    const { da, db } = gatedBackward(runtime, a, b, tf.mul(dh, weights));
    const dRows = tf.add(plan.linearInputGradient(gate, da), plan.linearInputGradient(up, db));
    const dProducts = routeBackward(runtime, routes, dWeights, options);

    let dx = tf.sum(tf.reshape(plan.toRoutes(dRows), [tokens, k, d]), 1);
    dx = tf.add(dx, linearInputGradient(runtime, router, dProducts));
    const shared = sharedWeights(inputs);
    const throughShared = shared && swigluBackward(runtime, x, shared, dy);
    return {
      x: throughShared ? tf.add(dx, throughShared.dx) : dx,
      ...(wanted.has("router") && { router: linearWeightGradient(runtime, x, dProducts) }),
      ...(wanted.has("gate") && { gate: plan.linearWeightGradient(rows, da) }),
      ...(wanted.has("up") && { up: plan.linearWeightGradient(rows, db) }),
      ...(wanted.has("down") && { down: plan.linearWeightGradient(h, tf.mul(dOut, weights)) }),
      ...(throughShared && {
        sharedGate: throughShared.dGate,
        sharedUp: throughShared.dUp,
        sharedDown: throughShared.dDown,
      }),
    };
  },
};

function hidden(plan: ExpertPlan, rows: TfjsArray, gate: TfjsArray, up: TfjsArray) {
  return { a: plan.linear(rows, gate), b: plan.linear(rows, up) };
}

function sharedWeights({ sharedGate, sharedUp, sharedDown }: Inputs): SwigluWeights | undefined {
  if (!sharedGate || !sharedUp || !sharedDown) return undefined;
  return { gate: sharedGate, up: sharedUp, down: sharedDown };
}
