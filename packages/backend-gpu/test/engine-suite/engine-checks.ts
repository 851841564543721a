// All checks of the suite, in the order in which they say most.

import type { EngineCheck } from "./engine-check.js";
import { operationChecks } from "./operation-checks.js";

/** Every check. */
export function engineChecks(): EngineCheck[] {
  return [...operationChecks()];
}
