// Reads the body of an answer, with a hard limit: exactly as many bytes as were asked for, or an error.

import { EngramError } from "@engram-ts/core";
import type { S3Action } from "./s3-error.js";
import type { Exchange } from "./s3-exchange.js";

/** The body of an answer, as the SDK gives it in Node. */
interface ByteStream extends AsyncIterable<Uint8Array> {
  destroy?(): void;
}

/**
 * Reads a body of exactly `out.length` bytes into `out`.
 * @throws EngramError `truncated` where it has fewer or more bytes; the connection is then given up.
 */
export async function readBody(
  body: unknown,
  out: Uint8Array,
  action: S3Action,
  { signal, touch }: Exchange,
): Promise<Uint8Array> {
  const { length } = out;
  const stream = body as ByteStream | undefined; // a Readable in Node; checked to be iterable below
  const destroy = (): void => stream?.destroy?.();
  let filled = 0;
  signal.addEventListener("abort", destroy, { once: true });
  try {
    if (signal.aborted) destroy();
    if (stream !== undefined && Symbol.asyncIterator in stream) {
      for await (const chunk of stream) {
        touch();
        if (filled + chunk.length > length) {
          filled += chunk.length;
          break;
        }
        out.set(chunk, filled);
        filled += chunk.length;
      }
    }
  } finally {
    signal.removeEventListener("abort", destroy);
    if (filled !== length) destroy();
  }
  if (filled !== length) throw wrongLength(action, filled, length);
  return out;
}

/** The error for a body that is not of the length asked for. */
export function wrongLength(
  { operation, request, bucket, key }: S3Action,
  found: number,
  expected: number,
): EngramError {
  const more = found > expected;
  return new EngramError({
    code: "truncated",
    operation,
    message: `${request} of s3://${bucket}/${key}: ${more ? "more than " : ""}${more ? expected : found} bytes came, and ${expected} were asked for; try again`,
    retry: "later",
    context: { request, bucket, key, expected, found },
  });
}
