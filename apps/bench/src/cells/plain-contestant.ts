// Peers in Node without any store: `array` (the file's bytes in one array, a loop of `set` and `subarray`), `map` (a Map from
// row id to bytes), `read-sync` (a `readSync` a row), `lmdb-js` (a value a row), `sdk-get` (a ranged GET of the AWS SDK a
// row, all of a call at once), `sdk-one` (the first of them alone: one round trip). Answers requests (request.ts).
//   plain-contestant.js '{"kind":"array","path":"/t/rows","rowBytes":264,"ids":"/t/calls.u32","count":24}'

import { openSync, readFileSync, readSync } from "node:fs";
import { createInterface } from "node:readline";
import type { ManifestPart } from "@engram-ts/core";
import { lmdbRows } from "./lmdb-rows.js";
import { parseRequest } from "./request.js";
import { type Call, runRound } from "./round-loops.js";
import { checksum } from "./table-words.js";

/** What the process is told. */
export interface PlainContestantOptions {
  readonly kind: "array" | "map" | "read-sync" | "lmdb-js" | "sdk-get" | "sdk-one";
  /** The file, or the bucket and prefix, as `bucket/prefix`. */
  readonly path: string;
  /** The table's objects, for those of the SDK. */
  readonly parts?: readonly ManifestPart[];
  /** For `lmdb-js`: its environment, made of the file where it is not there yet. */
  readonly folder?: string;
  readonly rows?: number;
  readonly rowBytes: number;
  readonly ids: string;
  readonly count: number;
}

type Read = (row: number, out: Uint8Array, at: number) => Promise<void> | undefined;

const options = JSON.parse(process.argv[2] ?? "{}") as PlainContestantOptions; // by the harness that starts this
const { count, rowBytes, kind } = options;
const bytes = readFileSync(options.ids);
const ids = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const read = await reader();
const outputs = new Map<number, Uint8Array>();
/** Rows of a call that are read. */
const asked = kind === "sdk-one" ? 1 : count;

async function reader(): Promise<Read> {
  const { path, folder = "", rows = 0 } = options;
  if (kind === "sdk-get" || kind === "sdk-one") return sdkReader(path);
  if (kind === "lmdb-js") return copying(await lmdbRows({ path, folder, rows, rowBytes }));
  if (kind === "array") {
    const table = new Uint8Array(readFileSync(path));
    return copying((row) => table.subarray(row * rowBytes, (row + 1) * rowBytes));
  }
  const file = openSync(path, "r");
  const readRow: Read = (row, out, at) => {
    readSync(file, out, at, rowBytes, row * rowBytes);
    return undefined;
  };
  return kind === "map" ? copying(rowMap(readRow)) : readRow;
}

function copying(rowOf: (row: number) => Uint8Array | undefined): Read {
  return (row, out, at) => {
    const found = rowOf(row);
    if (found !== undefined) out.set(found, at);
    return undefined;
  };
}

/** The rows of all calls, as a cache in memory would have them. */
function rowMap(readRow: Read): (row: number) => Uint8Array | undefined {
  const map = new Map<number, Uint8Array>();
  for (const row of new Set(ids)) {
    const own = new Uint8Array(rowBytes);
    void readRow(row, own, 0); // reads at once
    map.set(row, own);
  }
  return (row) => map.get(row);
}

async function sdkReader(path: string): Promise<Read> {
  const { GetObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({
    maxAttempts: 1,
    responseChecksumValidation: "WHEN_REQUIRED",
    forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined,
    requestHandler: {
      httpAgent: { maxSockets: 256, keepAlive: true },
      httpsAgent: { maxSockets: 256, keepAlive: true },
    },
  });
  const [Bucket, ...prefix] = path.split("/");
  const { parts = [] } = options;
  return async (row, out, at) => {
    const part = parts.find(({ firstRow, rows }) => row >= firstRow && row < firstRow + rows);
    if (part === undefined) throw new Error(`no object has row ${row}`);
    const from = part.data.offset + (row - part.firstRow) * rowBytes;
    const Range = `bytes=${from}-${from + rowBytes - 1}`;
    const Key = [...prefix, part.data.uri].join("/");
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
    out.set((await Body?.transformToByteArray()) ?? [], at);
  };
}

const call: Call = (index, slot) => {
  const out = outputs.get(slot) ?? new Uint8Array(count * rowBytes).fill(1);
  outputs.set(slot, out);
  const waiting: Promise<void>[] = [];
  for (let i = 0; i < asked; i++) {
    const one = read(ids[index * count + i] ?? 0, out, i * rowBytes);
    if (one !== undefined) waiting.push(one);
  }
  return waiting.length === 0 ? undefined : Promise.all(waiting).then(() => undefined);
};

console.log(JSON.stringify({ ready: true, version: `Node ${process.versions.node}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = parseRequest(line);
  const answer = await runRound(call, ids.length / count, request);
  const sum = request.check === 1 && asked === count ? { checksum: checksum(outputs.get(0) ?? new Uint8Array(0)) } : {};
  console.log(JSON.stringify({ ...answer, ...sum }));
}
