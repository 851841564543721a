// Which expert computes which tokens: every expert its own alone, none dropped. Tokens are put in the order of their
// experts, into slots; products then go through the slots of each expert. Types only; plan-experts.ts chooses how.

import type { TfjsArray } from "./tfjs-library.js";

/** Tokens in the order of their experts. R routes: token by token, its k choices. */
export interface ExpertPlan {
  /** Rows of tokens [N, d] in the slots of their routes [slots, d]; 0 in empty slots. */
  toSlots(tokens: TfjsArray): TfjsArray;
  /** A number a route [R] in the slots [slots, 1]; 0 in empty slots. */
  routesToSlots(values: TfjsArray): TfjsArray;
  /** Rows of slots [slots, d] in the order of routes [R, d]. */
  toRoutes(slots: TfjsArray): TfjsArray;
  /** Each slot's row times its expert's matrix of weights [E, o, i] transposed: [slots, i] -> [slots, o]. */
  linear(rows: TfjsArray, weights: TfjsArray): TfjsArray;
  /** The gradient of those rows: [slots, o] -> [slots, i]. */
  linearInputGradient(weights: TfjsArray, dRows: TfjsArray): TfjsArray;
  /** The gradient of those weights: [slots, i] and [slots, o] -> [E, o, i]. */
  linearWeightGradient(rows: TfjsArray, dRows: TfjsArray): TfjsArray;
}
