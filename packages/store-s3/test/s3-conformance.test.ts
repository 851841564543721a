import {
  type ConformanceTarget,
  type FakeS3Options,
  fakeS3,
  runConformance,
  storeModelProperty,
} from "@engram-ts/store-kit";
import { afterAll, describe, test } from "vitest";
import { type S3ReadOptions, s3Store } from "../src/index.js";
import { putTable, type TableLayout } from "./table-fixture.js";

const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

let prefixes = 0;

/** A store over a fake S3 that serves all cases of the target. */
function target(
  name: string,
  options: { server?: FakeS3Options; layout?: TableLayout; read?: S3ReadOptions },
): ConformanceTarget {
  let server: ReturnType<typeof fakeS3> | undefined;
  return {
    name,
    async open(table, rows) {
      if (server === undefined) {
        server = fakeS3(options.server);
        closers.push(async () => (await server)?.close());
      }
      const s3 = await server;
      const prefix = `case-${prefixes++}`;
      const put = (uri: string, bytes: Uint8Array) => s3.put("tables", `${prefix}/${uri}`, bytes);
      const module = await putTable(table, rows, put, options.layout);
      const { clientConfig } = s3;
      return s3Store({ module, bucket: "tables", prefix, clientConfig, maxBatch: 5_000, ...options.read });
    },
  };
}

const TARGETS = [
  target("s3, regions apart in many objects, digests", {
    layout: { apart: true, partRows: 7, blockRows: 5 },
    read: { maxGapBytes: 0, concurrency: 3 },
  }),
  target("s3, slow server that ignores conditions, hedged", {
    server: { conditions: "ignored", faults: { latencyMs: [0, 4] } },
    read: { hedgeAfterMs: 2, blockBytes: 1 },
  }),
];

runConformance({ describe, test }, TARGETS, { required: TARGETS.map(({ name }) => name) });

test("s3 answers as an array of rows does", () => storeModelProperty(target("s3", {}), { runs: 5 }));
