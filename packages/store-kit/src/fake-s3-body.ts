// Reads the body of a request as the AWS SDK sends it: plain, or "aws-chunked" with trailers, checksums in either place.

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { crc32 } from "node:zlib";

/** What came, or the S3 code of what is wrong with it. */
export type S3Body = { readonly bytes: Buffer } | { readonly refusal: string };

/** Reads and checks a body. */
export async function readS3Body(request: IncomingMessage): Promise<S3Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set, so chunks are Buffers
  const raw = Buffer.concat(chunks);
  const { headers } = request;
  const chunked =
    headers["content-encoding"]?.includes("aws-chunked") === true ||
    headers["x-amz-content-sha256"]?.toString().startsWith("STREAMING-") === true;
  if (!chunked) return checked(raw, headers);
  const decoded = decodeChunks(raw);
  if (decoded === undefined) return { refusal: "IncompleteBody" };
  const expected = headers["x-amz-decoded-content-length"];
  if (expected !== undefined && Number(expected) !== decoded.bytes.length) return { refusal: "IncompleteBody" };
  return checked(decoded.bytes, { ...headers, ...decoded.trailers });
}

/** `size[;extension]CRLF bytes CRLF`, a chunk of size 0, trailers. */
function decodeChunks(raw: Buffer): { bytes: Buffer; trailers: Record<string, string> } | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = raw.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = Number.parseInt(raw.toString("latin1", at, end), 16); // stops at ";"
    if (!(size >= 0)) return undefined;
    at = end + 2;
    if (size === 0) {
      const lines = raw.toString("latin1", at).split("\r\n");
      const pairs = lines.map((line) => line.split(":")).filter(([name]) => name !== "");
      const trailers = Object.fromEntries(pairs.map(([name = "", value = ""]) => [name.toLowerCase(), value.trim()]));
      return { bytes: Buffer.concat(chunks), trailers };
    }
    if (at + size + 2 > raw.length) return undefined;
    chunks.push(raw.subarray(at, at + size));
    at += size + 2;
  }
}

function checked(bytes: Buffer, headers: IncomingHttpHeaders): S3Body {
  const sum = headers["x-amz-checksum-crc32"];
  if (sum !== undefined) {
    const found = Buffer.alloc(4);
    found.writeUInt32BE(crc32(bytes));
    if (found.toString("base64") !== sum) return { refusal: "BadDigest" };
  }
  const sha256 = headers["x-amz-content-sha256"];
  if (typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)) {
    if (createHash("sha256").update(bytes).digest("hex") !== sha256) return { refusal: "XAmzContentSHA256Mismatch" };
  }
  const md5 = headers["content-md5"];
  if (md5 !== undefined && createHash("md5").update(bytes).digest("base64") !== md5) return { refusal: "BadDigest" };
  return { bytes };
}
