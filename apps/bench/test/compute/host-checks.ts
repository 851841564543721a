// Runs the engine suite without a test runner, and says what it finds line by line: which check begins, which fails, and
// at the end what was compared. A native library that aborts has then said what it was at.

import type { Backend } from "@engram-ts/core";
import { cacheChecks } from "../../../../packages/backend-gpu/test/engine-suite/cache-checks.js";
import { runCheck } from "../../../../packages/backend-gpu/test/engine-suite/engine-check.js";
import { lifeChecks } from "../../../../packages/backend-gpu/test/engine-suite/life-checks.js";
import { modelChecks } from "../../../../packages/backend-gpu/test/engine-suite/model-checks.js";
import { operationChecks } from "../../../../packages/backend-gpu/test/engine-suite/operation-checks.js";
import { refusalChecks } from "../../../../packages/backend-gpu/test/engine-suite/refusal-checks.js";
import { rowChecks } from "../../../../packages/backend-gpu/test/engine-suite/row-checks.js";
import { TOLERANCES } from "../../../../packages/backend-gpu/test/engine-suite/tolerances.js";
import { type EngineCounts, openTwins } from "../../../../packages/backend-gpu/test/engine-suite/twins.js";
import { updateChecks } from "../../../../packages/backend-gpu/test/engine-suite/update-checks.js";
import type { CheckLine } from "../../src/compute/engine-checks.js";

/** Runs every check that needs no file, in the order in which they say most. */
export async function engineChecksOf(
  open: () => Promise<Backend<unknown>>,
  tolerance: string,
  trains: boolean,
  say: (line: CheckLine) => void,
): Promise<void> {
  const counts: EngineCounts = { forward: 0, backward: 0, other: 0, worst: 0, worstAbout: "none" };
  const row = TOLERANCES[tolerance as keyof typeof TOLERANCES]; // checked below
  if (row === undefined) throw new Error(`there are no tolerances ${tolerance}`);
  const checks = [
    ...operationChecks(),
    ...rowChecks(),
    ...cacheChecks(),
    ...updateChecks(),
    ...modelChecks(),
    ...refusalChecks(),
    ...lifeChecks(),
  ].filter((check) => trains || !check.trains);
  const twins = openTwins(await open(), row, counts);
  let cases = 0;
  for (const check of checks) {
    say({ begins: `${check.group}: ${check.name}`, cases, counts });
    try {
      await runCheck(check, { twins, open });
    } catch (error) {
      say({ failed: error instanceof Error ? error.message : String(error) });
    }
    cases++;
  }
  await twins.engine.close();
  say({ over: true, cases, counts });
}
