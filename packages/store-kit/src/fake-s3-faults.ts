// What the fake S3 does wrong, and when: plain data, and a seeded draw. How each fault looks on the wire is in
// fake-s3-answer.ts.

import { type SeededRandom, seededRandom } from "./seeded-random.js";

/** All faults: answers that refuse, connections that break, bodies that lie, and objects that change. */
export const S3_FAULT_KINDS = [
  "internal-error", // 500
  "slow-down", // 503 SlowDown
  "too-many-requests", // 429
  "expired-credentials", // 403 ExpiredToken
  "reset-before-headers",
  "reset-in-body",
  "stall-before-headers",
  "stall-in-body",
  "truncated-body", // fewer bytes than Content-Length says, then the connection ends
  "short-body", // fewer bytes than asked for, Content-Length true of them
  "long-body", // more bytes than asked for, Content-Length true of them
  "corrupt-body", // a flipped bit
  "wrong-range", // the right number of bytes from another place, Content-Range true of them
  "replaced-object", // another version of the same size: 412 under If-Match, else other bytes and another ETag
] as const;

/** One way to fail. */
export type S3FaultKind = (typeof S3_FAULT_KINDS)[number];

/** A request as faults see it. */
export interface S3Request {
  /** `GetObject`, `HeadObject`, `ListObjectsV2`, `PutObject`, `UploadPart`, ... */
  readonly operation: string;
  readonly bucket: string;
  readonly key: string;
  /** The header as it came. */
  readonly range: string | undefined;
  /** Requests before this one. */
  readonly index: number;
}

/** What goes wrong. */
export interface S3Faults {
  /** Milliseconds before each answer: a number, or a least and a greatest between which each is drawn. */
  readonly latencyMs?: number | readonly [least: number, greatest: number];
  /** Share of requests that fail, from 0 to 1. Default 0. */
  readonly share?: number;
  /** The faults to draw from, each as likely. Default all. */
  readonly kinds?: readonly S3FaultKind[];
  /** Operations that fail by `share`. Default `["GetObject"]`. */
  readonly operations?: readonly string[];
  /** Says for each request what goes wrong with it; where it answers undefined, `share` decides. */
  readonly script?: (request: S3Request) => S3FaultKind | undefined;
}

/** The fate of one request. */
export interface S3Fate {
  readonly fault: S3FaultKind | undefined;
  readonly latencyMs: number;
  /** For what else a fault has to draw. */
  readonly random: SeededRandom;
}

/** Draws fates, the same for the same seed and order of requests. */
export function s3Fates(seed: number): (faults: S3Faults, request: S3Request) => S3Fate {
  const random = seededRandom(seed);
  return (faults, request) => {
    const { share = 0, kinds = S3_FAULT_KINDS, operations = ["GetObject"], latencyMs = 0 } = faults;
    const [least, greatest] = typeof latencyMs === "number" ? [latencyMs, latencyMs] : latencyMs;
    const latency = least + (greatest - least) * random.next();
    const drawn = random.next() < share && operations.includes(request.operation);
    const fault = faults.script?.(request) ?? (drawn ? kinds[random.below(kinds.length)] : undefined);
    return { fault, latencyMs: latency, random };
  };
}
