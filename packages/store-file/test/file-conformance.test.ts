import { type ConformanceTarget, runConformance } from "@engram-ts/store-kit";
import { afterAll, describe, test } from "vitest";
import { type FileStoreOptions, fileStore } from "../src/index.js";
import { type FileLayout, removeFolders, temporaryFolder, writeTable } from "./table-files.js";

afterAll(removeFolders);

const target = (name: string, layout: FileLayout, options: Partial<FileStoreOptions>): ConformanceTarget => ({
  name,
  open: async (table, rows) => {
    const folder = temporaryFolder();
    return fileStore({ module: writeTable(folder, table, rows, layout), folder, maxBatch: 5_000, ...options });
  },
});

const packed: FileLayout = { regions: "packed" };
const published: FileLayout = { regions: "apart", headerBytes: 203, oneFile: true };
const parts: FileLayout = { regions: "apart", partRows: 7, padding: 3 };
const TARGETS = [
  target("file, unmapped", packed, { mapping: "off" }),
  target("file, synchronous reads", packed, { mapping: "off", reads: "sync" }),
  target("file, asynchronous reads", published, { mapping: "off", reads: "async" }),
  target("file, mapped under leases", packed, { mapping: "auto" }),
  target("file, mapped, values and scales apart", published, { mapping: "auto" }),
  target("file, mapped, many parts, rows spaced out", parts, { mapping: "auto" }),
  target("file, many small mappings", packed, { mappingBytes: 4 * 4096 + 200 }),
  target("file, many small mappings, values and scales apart", published, { mappingBytes: 4 * 4096 + 200 }),
  target("file, asynchronous reads one by one, many parts", parts, { mapping: "off", reads: "async", queueDepth: 1 }),
];

runConformance({ describe, test }, TARGETS, { required: TARGETS.map(({ name }) => name) });
