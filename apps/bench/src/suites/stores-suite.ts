// The suite `stores`: what each store's options bring, beside what one would write without it. Memory with outputs of its own,
// small pages, threads; files mapped and not; LMDB against a value a row; a cache against a Map; an object store against the
// SDK's GETs, here and far away; and rows decoded to float32. Rows, states and checks are those of the suite `tiers`.

import { tableInfo } from "@engram-ts/core";
import type { CacheState, CellPlan } from "../cells/cell-plan.js";
import { canDropFiles } from "../machine/page-cache.js";
import type { AccessKind } from "../traces/trace-rows.js";
import { sizedAddressing } from "../traces/trace-rows.js";
import { type CastOf, cacheCast, dramCast, fileCast, lmdbCast, objectCast } from "./store-casts.js";
import type { Suite, SuiteContext } from "./suite.js";
import { rowCell } from "./tiers-suite.js";
import { valueCells } from "./value-cells.js";

/** A network's round trip, in milliseconds, beside that of the endpoint itself. */
const FAR_MS = 20;

/** The suite. */
export const storesSuite: Suite = {
  name: "stores",
  description: "what each store's options bring, beside what one would write without it",
  plan(context) {
    const [preset = "deepseek-v4.1-flash"] = context.presets;
    const [rows = 2 ** 20] = context.rows;
    const sized = sizedAddressing(preset, rows);
    const { rowBytes } = tableInfo(sized);
    const cell = (cast: CastOf, access: AccessKind, state: CacheState, priority: number): CellPlan => {
      const workload = { access, state, sequences: 1, sized, priority };
      return rowCell("stores", workload, context, cast({ ...workload, rowBytes }, context));
    };
    const cells = [
      cell(dramCast, "decode", "hot", 1),
      cell(fileCast, "decode", "hot", 1),
      cell(lmdbCast, "decode", "hot", 1),
      cell(dramCast, "prefill", "hot", 1),
      cell(cacheCast, "decode", "hot", 2),
      cell(fileCast, "prefill", "hot", 3),
    ];
    if (canDropFiles()) {
      const cold = (cast: CastOf, access: AccessKind) => cell(cast, access, "cold", 1);
      cells.push(cold(fileCast, "decode"), cold(lmdbCast, "decode"), cold(fileCast, "prefill"));
    }
    return { cells: [...cells, ...objectCells(context, cell), ...(context.quick ? [] : valueCells(context, 3))] };
  },
};

function objectCells(
  context: SuiteContext,
  cell: (cast: CastOf, access: AccessKind, state: CacheState, priority: number) => CellPlan,
): CellPlan[] {
  if (context.s3 === undefined) return [];
  const endpoint = process.env.AWS_ENDPOINT_URL;
  const near = cell(objectCast(undefined), "decode", "cold", 1);
  if (endpoint?.startsWith("http:")) return [near, cell(objectCast({ endpoint, ms: FAR_MS }), "decode", "cold", 1)];
  context.leaveOut({
    what: "an object store far away",
    why: "only a server at an http: AWS_ENDPOINT_URL can be put there",
  });
  return [near];
}
