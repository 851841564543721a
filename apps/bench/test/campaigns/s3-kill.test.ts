// A few uploads killed at random moments; the large campaign is `node apps/bench/dist/campaigns/s3-kill.js`.

import { expect, test } from "vitest";
import { s3KillCampaign } from "../../src/campaigns/s3-kill-campaign.js";

test("an upload that is killed is gone on with, and loses nothing", async () => {
  const report = await s3KillCampaign({ seed: 2, kills: 3 });
  expect(report.failures).toEqual([]);
  expect(report.kills).toBe(3);
  expect(report.finishedUploads).toBeGreaterThan(0);
});
