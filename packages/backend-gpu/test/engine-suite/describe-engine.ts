// The engine suite: every check, on one engine, against the reference. An engine's test file calls `describeEngine` and
// nothing else; there is no list of what to leave out.

import type { Backend } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCheck } from "./engine-check.js";
import { engineChecks } from "./engine-checks.js";
import { checkClosed } from "./life-checks.js";
import { TOLERANCES, type ToleranceName } from "./tolerances.js";
import { type EngineCounts, openTwins, type Twins } from "./twins.js";

/** Options of {@link describeEngine}. */
export interface DescribeEngineOptions {
  /** What it computes in: a row of the table of tolerances. Default `f32`. */
  readonly tolerance?: ToleranceName;
  /** `forward` for an engine that was opened for inference alone. Default `both`. */
  readonly directions?: "both" | "forward";
  /**
   * `quick` leaves out the longest checks. `least`, for engines that emulate a device, leaves out larger cases and whole
   * models, too. Default `whole`.
   */
  readonly effort?: "whole" | "quick" | "least";
}

/** Groups of checks that take a minute or more where a device is emulated. */
const LARGE_GROUPS: ReadonlySet<string> = new Set(["larger", "parity", "training", "generation"]);

/**
 * Registers the suite for one engine.
 * @param open opens a backend; called once, and again by checks of two at once.
 */
export function describeEngine(
  name: string,
  open: () => Promise<Backend<unknown>>,
  options: DescribeEngineOptions = {},
): void {
  const { tolerance = "f32", directions = "both", effort = "whole" } = options;
  const counts: EngineCounts = { forward: 0, backward: 0, other: 0, worst: 0, worstAbout: "none" };
  const every = engineChecks();
  const checks = every.filter(
    ({ group, trains, long, precise }) =>
      (directions === "both" || !trains) &&
      (effort === "whole" || !long) &&
      (effort !== "least" || !LARGE_GROUPS.has(group)) &&
      (TOLERANCES[tolerance].model < 1e-3 || !precise),
  );
  describe(`engine ${name}`, () => {
    let twins: Twins;
    let ran = 0;
    beforeAll(async () => {
      twins = openTwins(await open(), TOLERANCES[tolerance], counts);
    });
    afterAll(async () => {
      const { forward, backward, other, worst, worstAbout } = counts;
      process.stdout.write(
        `engine ${name}: ${ran} cases ran, ${every.length - checks.length} left out, ${forward} forward, ${backward} backward, ${other} other comparisons, worst error ${worst.toExponential(1)} (${worstAbout})\n`,
      );
      expect(ran, `cases of engine ${name}`).toBe(checks.length);
      expect(forward, `forward comparisons of engine ${name}`).toBeGreaterThan(100);
      if (directions === "both") expect(backward, `backward comparisons of engine ${name}`).toBeGreaterThan(100);
    });
    for (const check of checks) {
      it(`${check.group}: ${check.name}`, async () => {
        ran++;
        await runCheck(check, { twins, open });
      });
    }
    it("life: the end", () => checkClosed(twins));
  });
}
