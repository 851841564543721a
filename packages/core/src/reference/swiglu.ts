// SwiGLU in float64: y = down (silu(gate x) * up x). Letters: x [N, d], gate and up [w, d], down [d, w]; a = gate x,
// b = up x, h = silu(a) b.

import { silu, siluSlope } from "./gate.js";
import { linear, linearBackward } from "./linear.js";

/** Weights of one SwiGLU, each row-major. */
export interface SwigluWeights {
  readonly gate: Float64Array;
  readonly up: Float64Array;
  readonly down: Float64Array;
}

/** [N, d] -> [N, d]. */
export function swiglu(x: Float64Array, { gate, up, down }: SwigluWeights, d: number): Float64Array {
  const a = linear(x, gate, d); // [N, w]
  const b = linear(x, up, d); // [N, w]
  const h = a.map((value, i) => silu(value) * (b[i] ?? 0));
  return linear(h, down, gate.length / d);
}

/** Gradients of {@link swiglu}. */
export function swigluBackward(
  x: Float64Array,
  { gate, up, down }: SwigluWeights,
  d: number,
  dy: Float64Array,
): { dx: Float64Array; dGate: Float64Array; dUp: Float64Array; dDown: Float64Array } {
  const a = linear(x, gate, d);
  const b = linear(x, up, d);
  const h = a.map((value, i) => silu(value) * (b[i] ?? 0));
  const { dx: dh, dWeight: dDown } = linearBackward(h, down, gate.length / d, dy);
  const da = dh.map((g, i) => g * (b[i] ?? 0) * siluSlope(a[i] ?? 0));
  const db = dh.map((g, i) => g * silu(a[i] ?? 0));
  const throughGate = linearBackward(x, gate, d, da);
  const throughUp = linearBackward(x, up, d, db);
  const dx = throughGate.dx.map((g, i) => g + (throughUp.dx[i] ?? 0));
  return { dx, dGate: throughGate.dWeight, dUp: throughUp.dWeight, dDown };
}
