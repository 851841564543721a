// The fault campaign on store-s3: at least 10,000 reads while the server fails in all of its ways.
//   node apps/bench/dist/campaigns/s3-faults.js [--reads 10000] [--seed 1] [--share 0.15] [--out FILE]
// Ends with code 1 where a row was wrong, an error untyped, a read late, or a rejection unhandled.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { campaignFailures, s3FaultCampaign } from "./s3-fault-campaign.js";

const { values } = parseArgs({
  options: {
    reads: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    share: { type: "string", default: "0.15" },
    out: { type: "string" },
  },
});
const reads = Number(values.reads);
const report = await s3FaultCampaign({
  seed: Number(values.seed),
  reads,
  share: Number(values.share),
  progress: (ended) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${ended} of ${reads} reads `);
  },
});
if (process.stderr.isTTY) process.stderr.write("\n");
console.log(JSON.stringify(report, undefined, 1));
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, undefined, 1)}\n`);
const failures = campaignFailures(report);
if (failures.length > 0) {
  console.error(`FAILED: ${failures.join(", ")}`);
  process.exitCode = 1;
}
