// Benchmark: store-s3 on a real S3 server of this machine (tools/s3-server.mjs), as it is and 20 ms away.
//   node apps/bench/dist/s3.js [--out FILE] [--rounds 5] [--bytes 134217728]
// Hydration against the SDK fetching the same objects whole, side by side; a cold gather of 48 rows against one ranged
// GET; and a second run over the same text behind a cache. Server and client share the machine's cores.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { cached, createAddressing, type ManifestModule, tableInfo } from "@engram-ts/core";
import { type S3ReadOptions, type S3Store, s3Store } from "@engram-ts/store-s3";
import { startS3Server } from "../../../tools/s3-server.mjs";
import { factbook } from "./corpus.js";
import { machineCard } from "./machine-card.js";
import { coldGathers, hydration, type S3Contest } from "./s3-contest.js";
import { startDelayProxy } from "./s3-delay-proxy.js";
import { putS3Table } from "./campaigns/s3-table.js";

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    rounds: { type: "string", default: "5" },
    bytes: { type: "string", default: `${2 ** 27}` },
  },
});
const rounds = Number(values.rounds);
const SEED = 3;
const BUCKET = "tables";
const BLOCK_BYTES = [1_024, 4_096, 16_384, 65_536]; // the store's default is 4,096
const CHARACTERS = 4_000;
const encoding = { kind: "fp8-e4m3-e8m0", width: 256 } as const;
const table = tableInfo({ rows: Math.floor(Number(values.bytes) / 264 / 248) * 248, encoding });
const partRows = Math.ceil(table.rows / 8 / 248) * 248;

const server = await startS3Server();
const plain = new S3Client(server.clientConfig);
await plain.send(new CreateBucketCommand({ Bucket: BUCKET }));
const module = await putS3Table(table, {
  seed: SEED,
  partRows,
  blockRows: 62, // 16,368 bytes
  put: async (Key, Body) => {
    await plain.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
  },
});
const { blocks: _, ...unblocked } = module;

const networks: Awaited<ReturnType<typeof measure>>[] = [];
try {
  for (const latencyMs of [0, 20]) networks.push(await measure(latencyMs));
} finally {
  plain.destroy();
  await server.stop();
}
const report = {
  benchmark: "s3",
  date: new Date().toISOString(),
  machine: machineCard(),
  server: "versitygw v1.8.0, posix backend, page cache warm",
  table: { rows: table.rows, rowBytes: table.rowBytes, objects: module.parts.length },
  rounds,
  networks,
};
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, undefined, 1)}\n`);
print();

async function measure(latencyMs: number) {
  const proxy = latencyMs === 0 ? undefined : await startDelayProxy(server.endpoint, latencyMs);
  const clientConfig = { ...server.clientConfig, endpoint: proxy?.endpoint ?? server.endpoint };
  const client = new S3Client({
    ...clientConfig,
    maxAttempts: 1,
    cacheMiddleware: true,
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const contest: S3Contest = { client, bucket: BUCKET, module, seed: SEED, rounds };
  const withStore = async <Result>(
    of: ManifestModule,
    options: S3ReadOptions,
    run: (store: S3Store) => Promise<Result>,
  ): Promise<Result> => {
    const store = await s3Store({ module: of, bucket: BUCKET, clientConfig, timeoutMs: 30_000, ...options });
    try {
      return await run(store);
    } finally {
      await store.close();
    }
  };
  try {
    const result = {
      addedLatencyMs: latencyMs,
      hydration: await withStore(module, { verify: "off" }, (store) => hydration(contest, store)),
      hydrationVerified: await withStore(module, {}, (store) => hydration(contest, store)),
      coldGathers: [] as (Awaited<ReturnType<typeof coldGathers>> & { blockBytes: number; verified: boolean })[],
      secondRun: await withStore(module, {}, secondRun),
    };
    for (const blockBytes of BLOCK_BYTES) {
      const gathers = await withStore(unblocked, { blockBytes }, (store) => coldGathers(contest, store, blockBytes));
      result.coldGathers.push({ blockBytes, verified: false, ...gathers });
    }
    const verified = await withStore(module, {}, (store) => coldGathers(contest, store, 16_368));
    result.coldGathers.push({ blockBytes: 16_368, verified: true, ...verified });
    return result;
  } finally {
    client.destroy();
    proxy?.stop();
  }
}

/** The rows of a text, read twice through a cache that holds them: the second time nothing is asked of the server. */
async function secondRun(store: S3Store) {
  const addressing = createAddressing({
    kind: "engram",
    vocabSize: 65_536,
    seed: 0,
    layers: [1],
    tableSizes: [Math.floor(table.rows / 18), Math.floor(table.rows / 18)],
    headsPerOrder: 8,
    padId: 0,
  });
  // characters as token ids: the n-grams are those of real text
  const ids = Uint32Array.from(factbook(CHARACTERS).text, (character) => Math.min(65_535, character.charCodeAt(0)));
  const rowIds = addressing.rowIds(1, ids);
  const cache = cached(store, { bytes: table.rows * table.rowBytes });
  const requests: number[] = [];
  for (let run = 0; run < 2; run++) {
    const before = store.requestStats().requests;
    for (let first = 0; first < rowIds.length; first += 16_384) {
      const ticket = cache.prefetch(rowIds.subarray(first, first + 16_384));
      await ticket.ready;
      ticket.release();
    }
    requests.push(store.requestStats().requests - before);
  }
  return { rows: rowIds.length, firstRunRequests: requests[0], secondRunRequests: requests[1] };
}

function print(): void {
  for (const network of networks) {
    console.log(`\n${network.addedLatencyMs} ms of added latency`);
    for (const name of ["hydration", "hydrationVerified"] as const) {
      const { storeMbPerSecond, sdkMbPerSecond, timesAsFast } = network[name];
      const interval = `${timesAsFast.low.toFixed(2)}-${timesAsFast.high.toFixed(2)}`;
      console.log(
        `  ${name}: ${storeMbPerSecond.toFixed(0)} MB/s, the SDK ${sdkMbPerSecond.toFixed(0)}: ${timesAsFast.median.toFixed(2)} (${interval}) times as fast`,
      );
    }
    for (const gather of network.coldGathers) {
      const { blockBytes, verified, gatherMs, oneRangedGetMs, inRangedGets, requestsPerGather, bytesPerGather } =
        gather;
      const { sdkTogetherMs, timesAsFast } = gather;
      const what = `  48 cold rows, blocks of ${blockBytes}${verified ? ", verified" : ""}`;
      console.log(
        `${what}: ${gatherMs.toFixed(1)} ms, one ranged GET ${oneRangedGetMs.toFixed(1)}: ${inRangedGets.median.toFixed(2)} of them (${requestsPerGather.toFixed(0)} requests, ${(bytesPerGather / 1024).toFixed(0)} KiB); 48 by the SDK at once ${sdkTogetherMs.toFixed(1)} ms: ${timesAsFast.median.toFixed(2)} times as fast`,
      );
    }
    const { rows, firstRunRequests, secondRunRequests } = network.secondRun;
    console.log(`  ${rows} rows of text: ${firstRunRequests} requests, the second time ${secondRunRequests}`);
  }
}
