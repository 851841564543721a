// moe, a mixture of SwiGLU experts: y = shared(x) + sum over the chosen experts of weight_e expert_e(x). The router is
// route.ts, an expert swiglu.ts. Besides y it gives the choice and the load, for balancing and for tests.
// x [N, d], router [E, d], gate and up [E, w, d], down [E, d, w].

import type { BackendOperation, MoeOptions, OperationInputs } from "../../model/backend-operations.js";
import { linear, linearBackward } from "../linear.js";
import { type Route, route, routeBackward } from "../route.js";
import { type SwigluWeights, swiglu, swigluBackward } from "../swiglu.js";
import { addInto, checkShape, elements, type ReferenceTensor, rowsOf, tensor, widthOf, zeros } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "moe">;

export const moe: BackendOperation<ReferenceTensor, "moe"> = {
  forward(inputs, options) {
    const { x } = inputs;
    const d = widthOf(x);
    checkInputs(inputs);
    const shared = sharedWeights(inputs);
    const y = shared === undefined ? new Float64Array(x.values.length) : swiglu(x.values, shared, d);
    const experts = zeros(rowsOf(x), options.topK);
    const weights = zeros(rowsOf(x), options.topK);
    const load = zeros(rowsOf(inputs.router));
    routes(inputs, options).forEach((chosen, t) => {
      const token = x.values.subarray(t * d, (t + 1) * d);
      experts.values.set(chosen.experts, t * options.topK);
      weights.values.set(chosen.weights, t * options.topK);
      chosen.experts.forEach((e, i) => {
        load.values[e] = (load.values[e] ?? 0) + 1;
        const out = swiglu(token, expertWeights(inputs, e), d);
        for (let c = 0; c < d; c++) y[t * d + c] = (y[t * d + c] ?? 0) + (chosen.weights[i] ?? 0) * (out[c] ?? 0);
      });
    });
    return { y: tensor(y, ...x.shape), experts, weights, load };
  },

  backward({ inputs, options }, { y: dy }) {
    if (dy === undefined) return {};
    const { x, router, gate, up, down, sharedGate, sharedUp, sharedDown } = inputs;
    const d = widthOf(x);
    const experts = rowsOf(router);
    const [dGate, dUp, dDown] = [zeros(...gate.shape), zeros(...up.shape), zeros(...down.shape)];
    const dx = new Float64Array(x.values.length);
    const dProducts = new Float64Array(rowsOf(x) * experts);
    routes(inputs, options).forEach((chosen, t) => {
      const token = x.values.subarray(t * d, (t + 1) * d);
      const dyToken = dy.values.subarray(t * d, (t + 1) * d);
      const dxToken = dx.subarray(t * d, (t + 1) * d);
      const dWeights = new Float64Array(chosen.experts.length);
      chosen.experts.forEach((e, i) => {
        const own = expertWeights(inputs, e);
        const out = swiglu(token, own, d);
        for (let c = 0; c < d; c++) dWeights[i] = (dWeights[i] ?? 0) + (dyToken[c] ?? 0) * (out[c] ?? 0);
        const scaled = dyToken.map((g) => g * (chosen.weights[i] ?? 0));
        const through = swigluBackward(token, own, d, scaled);
        addInto(dxToken, through.dx);
        addInto(expertPart(dGate, e), through.dGate);
        addInto(expertPart(dUp, e), through.dUp);
        addInto(expertPart(dDown, e), through.dDown);
      });
      dProducts.set(routeBackward(chosen, dWeights, options), t * experts);
    });
    const throughRouter = linearBackward(x.values, router.values, d, dProducts);
    addInto(dx, throughRouter.dx);
    const gradients = {
      x: tensor(dx, ...x.shape),
      router: tensor(throughRouter.dWeight, ...router.shape),
      gate: dGate,
      up: dUp,
      down: dDown,
    };
    const shared = sharedWeights(inputs);
    if (shared === undefined || !sharedGate || !sharedUp || !sharedDown) return gradients;
    const throughShared = swigluBackward(x.values, shared, d, dy.values);
    addInto(dx, throughShared.dx);
    return {
      ...gradients,
      sharedGate: tensor(throughShared.dGate, ...sharedGate.shape),
      sharedUp: tensor(throughShared.dUp, ...sharedUp.shape),
      sharedDown: tensor(throughShared.dDown, ...sharedDown.shape),
    };
  },
};

function routes({ x, router, routerBias }: Inputs, options: MoeOptions): Route[] {
  const products = linear(x.values, router.values, widthOf(x)); // [N, E]
  const experts = rowsOf(router);
  return Array.from({ length: rowsOf(x) }, (_, t) =>
    route(products.subarray(t * experts, (t + 1) * experts), routerBias?.values, options),
  );
}

function expertWeights({ gate, up, down }: Inputs, e: number): SwigluWeights {
  return { gate: expertPart(gate, e), up: expertPart(up, e), down: expertPart(down, e) };
}

function sharedWeights({ sharedGate, sharedUp, sharedDown }: Inputs): SwigluWeights | undefined {
  if (!sharedGate || !sharedUp || !sharedDown) return undefined;
  return { gate: sharedGate.values, up: sharedUp.values, down: sharedDown.values };
}

/** One expert's part of [E, ...], in place. */
function expertPart({ shape, values }: ReferenceTensor, e: number): Float64Array {
  const size = elements(shape.slice(1));
  return values.subarray(e * size, (e + 1) * size);
}

function checkInputs(inputs: Inputs): void {
  const { x, router, routerBias, gate, up, down, sharedGate, sharedUp, sharedDown } = inputs;
  const d = widthOf(x);
  const [experts = 0, w = 0] = gate.shape;
  checkShape("moe", "router", router, [experts, d]);
  if (routerBias !== undefined) checkShape("moe", "routerBias", routerBias, [experts]);
  checkShape("moe", "gate", gate, [experts, w, d]);
  checkShape("moe", "up", up, [experts, w, d]);
  checkShape("moe", "down", down, [experts, d, w]);
  if (sharedGate !== undefined) checkShape("moe", "sharedGate", sharedGate, [rowsOf(sharedGate), d]);
  if (sharedUp !== undefined) checkShape("moe", "sharedUp", sharedUp, [rowsOf(sharedGate ?? sharedUp), d]);
  if (sharedDown !== undefined) checkShape("moe", "sharedDown", sharedDown, [d, rowsOf(sharedGate ?? sharedDown)]);
}
