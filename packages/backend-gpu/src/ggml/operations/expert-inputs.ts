// What the experts' products are computed of, and the gradients of it. Types only; the ways to compute them are in
// expert-products.ts (by number) and sorted-experts.ts (tokens sorted by expert).

import type { GgmlNode } from "../nodes/node.js";

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

/** Gradients of {@link expertSum}, each computed only where it is used. */
export interface ExpertGradients {
  readonly x: GgmlNode;
  readonly weights: GgmlNode;
  readonly gate: GgmlNode;
  readonly up: GgmlNode;
  readonly down: GgmlNode;
}
