// Kills uploads to an object store at random moments, and lets others go on with them.
//   node apps/bench/dist/campaigns/s3-kill.js [--kills 100] [--seed 1] [--out FILE]
// Ends with code 1 where a row was wrong or lost.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { s3KillCampaign } from "./s3-kill-campaign.js";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
  },
});
const report = await s3KillCampaign({
  seed: Number(values.seed),
  kills: Number(values.kills),
  progress: (kills) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${kills} of ${values.kills} kills `);
  },
});
if (process.stderr.isTTY) process.stderr.write("\n");
console.log(JSON.stringify(report, undefined, 1));
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, undefined, 1)}\n`);
if (report.failures.length > 0) process.exitCode = 1;
