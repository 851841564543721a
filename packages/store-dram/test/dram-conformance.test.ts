import { type ConformanceTarget, runConformance } from "@engram-ts/store-kit";
import { describe, test } from "vitest";
import { type DramStoreOptions, dramStore } from "../src/index.js";

const target = (name: string, options: Partial<DramStoreOptions>): ConformanceTarget => ({
  name,
  async open(table, rows) {
    const initialize = (firstRow: number, into: Uint8Array) => {
      into.set(rows.subarray(firstRow * table.rowBytes, firstRow * table.rowBytes + into.length));
    };
    // shards of fewer bytes than a row are refused, so wide rows get one each
    const shardBytes =
      options.shardBytes === undefined ? {} : { shardBytes: Math.max(options.shardBytes, table.rowBytes) };
    return dramStore({ table, initialize, maxBatch: 5_000, ...options, ...shardBytes });
  },
});

const TARGETS = [
  target("dram", {}),
  target("dram, many small shards", { shardBytes: 100 }),
  target("dram, worker threads", { workers: 2, workerBatch: 1 }),
  target("dram, worker threads over small shards", { workers: 2, workerBatch: 1, shardBytes: 300 }),
  target("dram, TypeScript kernel", { kernel: "typescript" }),
  target("dram, TypeScript kernel over small shards", { kernel: "typescript", shardBytes: 100 }),
];

runConformance({ describe, test }, TARGETS, { required: TARGETS.map(({ name }) => name) });
