// The engine suite itself: engines that are broken on purpose are caught, by the part that should, and one that merely
// rounds to float32 is not.

import type { Backend } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { BROKEN_ENGINES, refusesSecond, roundedEngine } from "./engine-suite/broken-engines.js";
import { type CheckContext, type CheckGroup, runCheck } from "./engine-suite/engine-check.js";
import { engineChecks } from "./engine-suite/engine-checks.js";
import { TOLERANCES, type ToleranceName } from "./engine-suite/tolerances.js";
import { openTwins } from "./engine-suite/twins.js";

const checks = engineChecks();

/** What the first check of a group that fails says; undefined where none does. */
async function firstFailure(
  open: () => Promise<Backend<unknown>>,
  options: { group?: CheckGroup; names?: string; tolerance: ToleranceName; another?: CheckContext["open"] },
): Promise<string | undefined> {
  const { group, names = "", tolerance, another = open } = options;
  const counts = { forward: 0, backward: 0, other: 0, worst: 0, worstAbout: "" };
  const twins = openTwins(await open(), TOLERANCES[tolerance], counts);
  for (const check of checks) {
    if (!check.name.startsWith(names)) continue;
    if ((group !== undefined && check.group !== group) || (group === undefined && check.long)) continue;
    try {
      await runCheck(check, { twins, open: another });
    } catch (error) {
      return `${check.name}: ${String(error)}`;
    }
  }
  return undefined;
}

describe("the engine suite", () => {
  it.each(BROKEN_ENGINES)("catches an engine where $about", async ({ about, group, checks: names, open }) => {
    const another = about.startsWith("a second engine") ? refusesSecond("untyped") : undefined;
    const failure = await firstFailure(async () => open(), {
      group,
      ...(names && { names }),
      tolerance: "f32",
      ...(another && { another }),
    });
    expect(failure).toBeDefined();
  });

  it("lets one pass that rounds to float32, of which there can be one only", async () => {
    const options = { tolerance: "f32", another: refusesSecond("typed") } as const;
    expect(await firstFailure(async () => roundedEngine(), options)).toBeUndefined();
  });
});
