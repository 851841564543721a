// A small fault campaign, seeded; the large one is `node apps/bench/dist/campaigns/s3-faults.js`.

import { expect, test } from "vitest";
import { campaignFailures, s3FaultCampaign } from "../../src/campaigns/s3-fault-campaign.js";

test("reads of a failing object store give right rows or typed errors, in time", async () => {
  const report = await s3FaultCampaign({ seed: 20, reads: 300, share: 0.25 });
  expect(campaignFailures(report)).toEqual([]);
  expect(report.reads).toBe(300);
  expect(report.rightReads).toBeGreaterThan(100);
  expect(Object.keys(report.faults).length).toBe(14);
  expect(Object.keys(report.typedErrors)).toContain("manifest-mismatch, never");
});
