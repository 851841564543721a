// Ranged reads by one signature: the SDK signs a plain GET of an object, and the headers of a range are added to the
// signed request each time, which SigV4 allows for all headers that are not among the signed. The SDK's request handler
// sends it, with its sockets and TLS. This leaves out the SDK's path through serialisation, endpoint rules and signing,
// which takes most of the time of a small read. Only on clients of our own: middleware of the caller's sees each request.

import { Buffer } from "node:buffer";
import type { S3Connection } from "./s3-client.js";

/** The part of an answer that is looked at. */
export interface RangeAnswer {
  readonly etag: string | undefined;
  readonly contentRange: string | undefined;
  readonly contentLength: number | undefined;
  readonly body: unknown;
}

/** Sends ranged reads. */
export interface SignedGets {
  /** @throws what the SDK's handler throws, or an error of the SDK's shape for an answer that is not 2xx. */
  get(key: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<RangeAnswer>;
}

/** A request as the SDK's handlers take it. */
interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
}

interface SignedOnce {
  readonly request: Promise<SignedRequest>;
  readonly at: number;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: AsyncIterable<Uint8Array> & { destroy?: () => void };
}

/** Servers take a signature for 15 minutes; short-lived credentials are renewed by the SDK at the next one. */
const RENEW_MS = 120_000;
const MAX_ERROR_BYTES = 8_192;

/** Ranged reads of one bucket. */
export function signedGets({ sdk, client }: S3Connection, bucket: string): SignedGets {
  const signed = new Map<string, SignedOnce>();

  const sign = async (key: string): Promise<SignedRequest> => {
    const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: key });
    let captured: unknown;
    command.middlewareStack.add(
      () => (args) => {
        captured = args.request;
        return Promise.resolve({ response: {}, output: { $metadata: {} } });
      },
      { step: "deserialize", priority: "high", name: "takeSignedRequest" },
    );
    await client.send(command, {}); // with options: the SDK must not keep this stack for other commands
    return captured as SignedRequest; // what the signing step hands on
  };

  const requestFor = (key: string): Promise<SignedRequest> => {
    const known = signed.get(key);
    if (known !== undefined && performance.now() - known.at < RENEW_MS) return known.request;
    const request = sign(key);
    signed.set(key, { request, at: performance.now() });
    request.catch(() => signed.delete(key));
    return request;
  };

  return {
    async get(key, headers, abortSignal) {
      const request = await requestFor(key);
      const own = Object.assign(Object.create(Object.getPrototypeOf(request)), request, {
        headers: { ...request.headers, ...headers },
      });
      const { response } = await client.config.requestHandler.handle(own, { abortSignal });
      const answer = response as Answer; // the HTTP response of every handler
      if (answer.statusCode >= 200 && answer.statusCode < 300) {
        const length = answer.headers["content-length"];
        return {
          etag: answer.headers.etag,
          contentRange: answer.headers["content-range"],
          contentLength: length === undefined ? undefined : Number(length),
          body: answer.body,
        };
      }
      if (answer.statusCode === 400 || answer.statusCode === 401 || answer.statusCode === 403) signed.delete(key);
      throw await refusal(answer);
    },
  };
}

/** An answer that refuses, as the SDK would throw it; its code is all that is taken from the body. */
async function refusal({ statusCode, headers, body }: Answer): Promise<unknown> {
  let text = "";
  try {
    for await (const chunk of body ?? []) {
      text += Buffer.from(chunk).toString("latin1");
      if (text.length > MAX_ERROR_BYTES) break;
    }
  } catch {
    // the status is enough
  } finally {
    body?.destroy?.();
  }
  const name = /<Code>([A-Za-z0-9]{1,48})<\/Code>/.exec(text)?.[1] ?? "UnknownError";
  return { name, $metadata: { httpStatusCode: statusCode, requestId: headers["x-amz-request-id"] } };
}
