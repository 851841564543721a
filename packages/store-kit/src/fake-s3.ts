// An S3 server for tests, on a port of this machine: real HTTP, spoken by the AWS SDK as to any other server, with seeded
// faults. Objects are in memory; signatures are not checked, and no ACLs, versions or copies exist.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { EngramError } from "@engram-ts/core";
import { readS3Body } from "./fake-s3-body.js";
import { type S3FaultKind, type S3Faults, type S3Request, s3Fates } from "./fake-s3-faults.js";
import { type S3Bucket, s3Object } from "./fake-s3-objects.js";
import { type S3Call, type S3Rules, s3Answer, s3Error, s3Operation } from "./fake-s3-operations.js";
import { faultyReply, sendReply } from "./fake-s3-send.js";

/** How a fake S3 is set up. */
export interface FakeS3Options {
  /** Of the faults. Default 1. */
  readonly seed?: number;
  /** Buckets that exist from the start. Default `["tables"]`. */
  readonly buckets?: readonly string[];
  readonly faults?: S3Faults;
  /** `"ignored"`: `If-Match` and `If-None-Match` are not looked at, as by some servers. Default `"honoured"`. */
  readonly conditions?: "honoured" | "ignored";
  /** Fewest bytes of a part of an upload but the last. Default 5 MiB, as in S3. */
  readonly minPartBytes?: number;
  /** Entries of one page of a list. Default 1,000, as in S3. */
  readonly pageSize?: number;
}

/** Counters of a fake S3. */
export interface FakeS3Stats {
  readonly requests: number;
  /** Bytes of bodies sent. */
  readonly bytes: number;
  /** Most requests that were under way at once. */
  readonly mostAtOnce: number;
  readonly byOperation: Readonly<Record<string, number>>;
  readonly faults: Readonly<Partial<Record<S3FaultKind, number>>>;
}

/** A fake S3 that listens. */
export interface FakeS3 {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** For `new S3Client`; the credentials are made up. */
  readonly clientConfig: {
    readonly endpoint: string;
    readonly region: string;
    readonly forcePathStyle: true;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** Puts an object, past HTTP and faults. */
  put(bucket: string, key: string, bytes: Uint8Array): void;
  /** An object's bytes. */
  get(bucket: string, key: string): Uint8Array | undefined;
  delete(bucket: string, key: string): void;
  /** Keys of a bucket, sorted. */
  keys(bucket: string): string[];
  /** Uploads of a bucket that are not complete. */
  openUploads(bucket: string): number;
  /** Faults from the next request on; none without an argument. */
  setFaults(faults?: S3Faults): void;
  stats(): FakeS3Stats;
  /** Hangs up on everybody and stops. */
  close(): Promise<void>;
}

/**
 * Starts a fake S3.
 * @throws EngramError `io` where no port can be listened on.
 * @example
 * const s3 = await fakeS3({ seed: 7, faults: { share: 0.1, kinds: ["slow-down", "reset-in-body"] } });
 * const client = new S3Client(s3.clientConfig);
 */
export async function fakeS3(options: FakeS3Options = {}): Promise<FakeS3> {
  const buckets = new Map<string, S3Bucket>();
  for (const name of options.buckets ?? ["tables"]) buckets.set(name, { objects: new Map(), uploads: new Map() });
  const rules: S3Rules = {
    conditions: options.conditions !== "ignored",
    minPartBytes: options.minPartBytes ?? 5 * 2 ** 20,
    pageSize: options.pageSize ?? 1_000,
  };
  const fateOf = s3Fates(options.seed ?? 1);
  const timers = new Set<NodeJS.Timeout>();
  let faults = options.faults ?? {};
  let [requests, bytes, underWay, mostAtOnce] = [0, 0, 0, 0];
  const byOperation: Record<string, number> = {};
  const faultCounts: Partial<Record<S3FaultKind, number>> = {};

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.add(timer);
    });

  const answer = async (request: IncomingMessage, response: ServerResponse, answered: () => void): Promise<void> => {
    const { method = "GET", headers } = request;
    const url = new URL(request.url ?? "/", "http://fake");
    const [, bucket = "", rest = ""] = /^\/([^/]*)\/?(.*)$/.exec(url.pathname) ?? [];
    const key = decodeURIComponent(rest);
    const operation = s3Operation(method, key, url.searchParams);
    const seen: S3Request = { operation, bucket, key, range: headers.range, index: requests++ };
    byOperation[operation] = (byOperation[operation] ?? 0) + 1;
    const fate = fateOf(faults, seen); // drawn before anything is awaited: the order of requests decides
    if (fate.fault !== undefined) faultCounts[fate.fault] = (faultCounts[fate.fault] ?? 0) + 1;
    const body = await readS3Body(request);
    if (fate.latencyMs > 0) await pause(fate.latencyMs);
    if ("refusal" in body) {
      sendReply(response, s3Error(400, body.refusal), fate, method);
      return;
    }
    const call: S3Call = { operation, bucket, key, query: url.searchParams, headers, body: body.bytes };
    const refused = fate.fault !== undefined && operation !== "GetObject";
    // a write that is refused has no effect; one whose answer is lost has
    const reset = fate.fault === "reset-before-headers" || fate.fault === "stall-before-headers";
    const plain = refused && !reset ? s3Error(500, "InternalError") : s3Answer(call, buckets, rules);
    const object = buckets.get(bucket)?.objects.get(key)?.bytes;
    answered();
    bytes += sendReply(response, faultyReply(plain, fate, call, object, rules), fate, method);
  };

  const server = createServer((request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++underWay);
    // a client may have the answer, and have sent its next request, before the answer counts as closed here
    let counted = true;
    const uncount = (): void => {
      if (counted) underWay--;
      counted = false;
    };
    response.on("close", uncount);
    answer(request, response, uncount).catch(() => request.socket.destroy()); // a client that hung up half-way
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new EngramError({ code: "io", operation: "fakeS3", message: "no port to listen on", cause }));
    });
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const endpoint = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;

  const objectsOf = (bucket: string): Map<string, { readonly bytes: Buffer }> =>
    buckets.get(bucket)?.objects ?? new Map();
  return {
    endpoint,
    clientConfig: {
      endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "fake-access-key", secretAccessKey: "fake-secret-key" },
    },
    put(bucket, key, content) {
      const into = buckets.get(bucket) ?? { objects: new Map(), uploads: new Map() };
      buckets.set(bucket, into);
      into.objects.set(key, s3Object(Buffer.from(content)));
    },
    get: (bucket, key) => {
      const found = objectsOf(bucket).get(key)?.bytes;
      return found === undefined ? undefined : new Uint8Array(found);
    },
    delete(bucket, key) {
      objectsOf(bucket).delete(key);
    },
    keys: (bucket) => [...objectsOf(bucket).keys()].sort(),
    openUploads: (bucket) => buckets.get(bucket)?.uploads.size ?? 0,
    setFaults(next = {}) {
      faults = next;
    },
    stats: () => ({ requests, bytes, mostAtOnce, byOperation: { ...byOperation }, faults: { ...faultCounts } }),
    async close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
