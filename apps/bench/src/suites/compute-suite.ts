// The suite `compute`: every operation of a backend, forward and with its backward twin, on the exact reference and on the
// engines that open here; one token and many. What each gives is compared with the reference before and after. Whole models
// and published block sizes beside PyTorch are other programs' (src/compute).

import { fileURLToPath } from "node:url";
import type { OperationName } from "@engram-ts/core";
import type { CellContestant, CellPlan } from "../cells/cell-plan.js";
import { ENGINES } from "../cells/open-engine.js";
import type { OperationContestantOptions } from "../cells/operation-contestant.js";
import { operationShapes } from "../cells/operation-shapes.js";
import type { Suite, SuiteContext } from "./suite.js";

const PROGRAM = fileURLToPath(new URL("../../dist/cells/operation-contestant.js", import.meta.url));

/** What most of a model's time goes into: first where the time is short. */
const FIRST: readonly string[] = ["linear", "moe", "engramGate", "mla", "gqa", "logits", "feedForward"];

/** The suite. */
export const computeSuite: Suite = {
  name: "compute",
  description: "every operation of each engine against the exact reference, forward and backward",
  plan(context) {
    const names = Object.keys(operationShapes(1)) as OperationName[]; // its keys are the names
    const tokens = context.quick ? [64] : [1, 64, 512];
    const directions = context.quick ? [false] : [false, true];
    const cells = names.flatMap((operation) =>
      tokens.flatMap((count) =>
        directions.flatMap((backward) => {
          if (backward && (count === 1 || operation === "embed")) return []; // embed's gradient is the gradient of its rows
          return [operationCell({ operation, tokens: count, backward }, context)];
        }),
      ),
    );
    return { cells };
  },
};

type Call = Omit<OperationContestantOptions, "engine">;

function operationCell({ operation, tokens, backward }: Call, { engine }: SuiteContext): CellPlan {
  const engines = engine === "reference" || engine === "auto" ? ENGINES : (["reference", engine] as const);
  const contestants = engines.map((name): CellContestant => {
    const given: OperationContestantOptions = { engine: name, operation, tokens, backward };
    return {
      name,
      kind: name === "reference" ? "peer" : "tier",
      command: [process.execPath, PROGRAM, JSON.stringify(given)],
    };
  });
  const place = FIRST.indexOf(operation);
  return {
    id: `compute/${operation}/${backward ? "backward" : "forward"}/${tokens}`,
    suite: "compute",
    title: `${operation}, ${backward ? "forward and backward" : "forward"}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
    labels: { operation, tokens, direction: backward ? "backward" : "forward" },
    unit: "call",
    unitsPerCall: 1,
    listedCalls: 1,
    state: "hot",
    cacheState: "weights and inputs uploaded before, the same values every time",
    contestants,
    baseline: "reference",
    checked: "all outputs against the exact reference, within 2 % of their greatest value",
    priority: 1 + (place < 0 ? FIRST.length : place) + (backward ? 2 : 0) + (tokens === 64 ? 0 : 1),
  };
}
