// All checks of the suite, in the order in which they say most.

import { cacheChecks } from "./cache-checks.js";
import type { EngineCheck } from "./engine-check.js";
import { lifeChecks } from "./life-checks.js";
import { modelChecks } from "./model-checks.js";
import { operationChecks } from "./operation-checks.js";
import { parityChecks } from "./parity-checks.js";
import { refusalChecks } from "./refusal-checks.js";
import { rowChecks } from "./row-checks.js";
import { updateChecks } from "./update-checks.js";

/** Every check but that of the end. */
export function engineChecks(): EngineCheck[] {
  return [
    ...operationChecks(),
    ...rowChecks(),
    ...cacheChecks(),
    ...updateChecks(),
    ...modelChecks(),
    ...parityChecks(),
    ...refusalChecks(),
    ...lifeChecks(),
  ];
}
