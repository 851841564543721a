// Cells about rows as values: out of memory and decoded to float32, for every encoding, by the WebAssembly kernel and by its
// TypeScript twin. A prefill chunk a call.

import { type RowEncoding, tableInfo } from "@engram-ts/core";
import type { CellPlan } from "../cells/cell-plan.js";
import { type CallRows, callTokens, type SizedAddressing, sizedAddressing, traceCalls } from "../traces/trace-rows.js";
import type { SuiteContext } from "./suite.js";
import { tierContestant } from "./tier-contestants.js";

const ROWS = 2 ** 17;
const WIDTH = 256;
const ENCODINGS: readonly RowEncoding[] = [
  { kind: "f32", width: WIDTH },
  { kind: "f16", width: WIDTH },
  { kind: "bf16", width: WIDTH },
  { kind: "int8", width: WIDTH },
  { kind: "fp8-e4m3-e8m0", width: WIDTH },
  { kind: "fp8-e4m3", width: WIDTH, scale: 0.125 },
];

/** A cell an encoding. */
export function valueCells(context: SuiteContext, priority: number): CellPlan[] {
  const sized = sizedAddressing("deepseek-v4.1-flash", ROWS);
  let list: CallRows | undefined;
  const rowsOf = () => {
    list ??= traceCalls(sized, context.trace, context.tokenizer, { kind: "prefill", sequences: 1 });
    return list;
  };
  return ENCODINGS.map((encoding) => valueCell({ ...sized, encoding }, rowsOf, context, priority));
}

function valueCell(sized: SizedAddressing, rowsOf: () => CallRows, context: SuiteContext, priority: number): CellPlan {
  const { encoding, rows, layer, rowsPerToken } = sized;
  const { rowBytes } = tableInfo(sized);
  const { length } = context.trace.ids;
  const tokens = callTokens("prefill", 1, length);
  const count = tokens * rowsPerToken;
  const contestants: CellPlan["contestants"][number][] = [];
  return {
    id: `stores/values/${encoding.kind}/${rows}`,
    suite: "stores",
    title: `values: ${count} rows of ${encoding.kind} decoded to ${WIDTH} float32 each`,
    labels: { store: "values", encoding: encoding.kind, rowBytes, rows, count },
    unit: "row",
    unitsPerCall: count,
    listedCalls: Math.max(1, Math.floor(length / tokens)),
    state: "hot",
    cacheState: "every row read before by the same process",
    contestants,
    baseline: "TypeScript",
    checked: "values of the last call of the first and of the last round, equal by both kernels",
    priority,
    async prepare() {
      const file = context.shelf.table("file", sized);
      await file.write();
      const ids = context.shelf.callsFile("calls", rowsOf().ids);
      const given = { uri: `dram:${file.uri}`, layer, ids, count, values: true, touch: true };
      contestants.push(
        tierContestant("WebAssembly", given),
        tierContestant("TypeScript", { ...given, store: { dram: { kernel: "typescript" } } }),
      );
    },
  };
}
