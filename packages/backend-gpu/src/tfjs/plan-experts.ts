// Plans of experts, in two ways with the same results: planOnHost (expert-plan-host.ts) reads the routes back, which costs
// nothing where values lie in the host's memory; planInTiles (expert-plan-tiles.ts) reads nothing back, and pads each
// expert's tokens to whole tiles.

import type { ExpertPlan } from "./expert-plan.js";
import { planOnHost } from "./expert-plan-host.js";
import { planInTiles } from "./expert-plan-tiles.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** The plan of routes `experts` [N, k], int32, over `count` experts. */
export function planExperts(runtime: TfjsRuntime, experts: TfjsArray, count: number): ExpertPlan {
  return runtime.readsAtOnce ? planOnHost(runtime, experts, count) : planInTiles(runtime, experts, count);
}
