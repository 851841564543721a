// The harness itself, on real processes: a store that does twice the work is called a regression, the same store is not.

import { expect, test } from "vitest";
import { calibrate, wrongCalls } from "../../src/cells/calibrate.js";

test("of 20 repetitions at most one call is wrong", async () => {
  const found = await calibrate({ repetitions: 20, timesSlower: 2, processes: 2 });
  expect(found).toHaveLength(20);
  const { itself, slowed } = wrongCalls(found);
  expect(itself + slowed, JSON.stringify(found)).toBeLessThanOrEqual(1);
}, 300_000);
