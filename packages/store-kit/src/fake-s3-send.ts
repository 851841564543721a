// Puts an answer on the wire, whole, or as a fault has it.

import type { ServerResponse } from "node:http";
import type { S3Fate, S3FaultKind } from "./fake-s3-faults.js";
import { s3Object } from "./fake-s3-objects.js";
import { read, type S3Call, type S3Reply, type S3Rules, s3Error } from "./fake-s3-operations.js";

const REFUSALS: Partial<Record<S3FaultKind, readonly [status: number, code: string]>> = {
  "internal-error": [500, "InternalError"],
  "slow-down": [503, "SlowDown"],
  "too-many-requests": [429, "TooManyRequests"],
  "expired-credentials": [403, "ExpiredToken"],
};

/** The answer that a fault puts in the place of `reply`; faults of the wire alone leave it as it is. */
export function faultyReply(reply: S3Reply, fate: S3Fate, call: S3Call, object: Buffer | undefined, rules: S3Rules) {
  const { fault, random } = fate;
  const refusal = fault === undefined ? undefined : REFUSALS[fault];
  if (refusal !== undefined) return s3Error(...refusal);
  if (reply.status >= 300 || object === undefined || call.operation !== "GetObject") return reply;
  const { body, headers } = reply;
  const sized = (bytes: Buffer): S3Reply => ({
    ...reply,
    headers: { ...headers, "content-length": `${bytes.length}` },
    body: bytes,
  });
  switch (fault) {
    case "replaced-object": {
      const other = Buffer.from(object);
      for (let i = 0; i < other.length; i++) other[i] = (other[i] ?? 0) ^ 0x5a;
      return read(call, s3Object(other), rules);
    }
    case "corrupt-body": {
      const bytes = Buffer.from(body);
      const at = random.below(Math.max(1, bytes.length));
      if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return { ...reply, body: bytes };
    }
    case "short-body":
      return sized(body.subarray(0, random.below(body.length)));
    case "long-body":
      return sized(Buffer.concat([body, Buffer.alloc(1 + random.below(1000), 7)]));
    case "wrong-range": {
      const first = random.below(Math.max(1, object.length - body.length));
      const range = `bytes ${first}-${first + body.length - 1}/${object.length}`;
      return {
        status: 206,
        headers: { ...headers, "content-range": range },
        body: object.subarray(first, first + body.length),
      };
    }
    default:
      return reply;
  }
}

/** Sends a reply; resolves to the bytes of body sent once this server has no more to do with it. */
export function sendReply(response: ServerResponse, reply: S3Reply, fate: S3Fate, method: string): number {
  const { fault, random } = fate;
  const { status, headers, body } = reply;
  if (fault === "reset-before-headers") {
    response.socket?.resetAndDestroy();
    return 0;
  }
  if (fault === "stall-before-headers") return 0; // until the client or the server hangs up
  response.writeHead(status, {
    "x-amz-request-id": "fake",
    ...headers,
    ...(method === "HEAD" || status === 304 || status === 204 ? {} : { "content-length": `${body.length}` }),
  });
  if (method === "HEAD") {
    response.end();
    return 0;
  }
  if (fault !== "reset-in-body" && fault !== "stall-in-body" && fault !== "truncated-body") {
    response.end(body);
    return body.length;
  }
  const some = body.subarray(0, random.below(Math.max(1, body.length)));
  response.flushHeaders();
  response.write(some.length === 0 ? "" : some, () => {
    if (fault === "reset-in-body") response.socket?.resetAndDestroy();
    if (fault === "truncated-body") response.socket?.end();
  });
  return some.length;
}
