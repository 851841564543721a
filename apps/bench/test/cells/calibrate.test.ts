// The harness itself, on real processes: a store that does twice the work takes longer. How often its verdicts are right is
// tried where nothing else runs: `engram-bench calibrate`, in the acceptance of the whole.

import { expect, test } from "vitest";
import { calibrate, wrongCalls } from "../../src/cells/calibrate.js";

test("twice the work is measured as more, and verdicts are counted", async () => {
  const found = await calibrate({ repetitions: 2, timesSlower: 2, processes: 2 });
  expect(found).toHaveLength(2);
  for (const { itself, slowed } of found) {
    expect(slowed.ratio).toBeGreaterThan(1.4); // times of the store
    expect(itself.ratio).toBeLessThan(slowed.ratio);
  }
  const { itself, slowed } = wrongCalls(found);
  expect(itself + slowed).toBeLessThanOrEqual(4);
}, 120_000);
