// The upload that s3-kill-campaign.ts kills: writes one table, goes on where the last process ended, and says how far it is.
//   node s3-kill-child.js ENDPOINT SEED

import { createAddressing, type TablePlan, tableInfo } from "@engram-ts/core";
import { fillRows } from "@engram-ts/store-kit";
import { s3Driver } from "@engram-ts/store-s3";

/** The table that is written. */
export const KILL_TABLE = tableInfo({ rows: 12_000, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
export const KILL_URI = "s3://tables/killed";
const STEP = 173;

/** The driver of parent and child: small parts, so that there are many moments to be killed at. */
export function killDriver(endpoint: string) {
  return s3Driver({
    clientConfig: {
      endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "fake", secretAccessKey: "fake" },
    },
    write: { partBytes: 32_768, objectBytes: 500_000, blockBytes: 8_192, uploads: 3 },
  });
}

function killPlan(): TablePlan {
  const addressing = createAddressing({
    kind: "engram",
    vocabSize: 1_000,
    seed: 0,
    layers: [1],
    tableSizes: [101, 101],
    headsPerOrder: 2,
    padId: 2,
  });
  const derived = addressing.derivation();
  const manifest = { format: "engram" as const, version: 1 as const, addressing: addressing.config, derived };
  return { manifest, tables: new Map([[1, KILL_TABLE]]) };
}

async function upload(endpoint: string, seed: number): Promise<void> {
  console.log("ready");
  const writer = await killDriver(endpoint).write?.(KILL_URI, killPlan());
  if (writer === undefined) throw new Error("s3Driver writes");
  const committed = (): number => writer.committed.get(1) ?? 0;
  console.log(`opened ${committed()}`);
  for (let row = committed(); row < KILL_TABLE.rows; row += STEP) {
    const rows = new Uint8Array(Math.min(STEP, KILL_TABLE.rows - row) * KILL_TABLE.rowBytes);
    fillRows(KILL_TABLE, seed, row, rows);
    await writer.write(1, row, rows);
    console.log(`committed ${committed()}`);
  }
  console.log("finishing");
  await writer.finish();
  console.log("finished");
  await writer.close();
}

const [, program = "", endpoint, seed] = process.argv;
if (program.endsWith("s3-kill-child.js") && endpoint !== undefined) await upload(endpoint, Number(seed));
