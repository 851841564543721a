// The AWS SDK, loaded when it is needed: it is an optional peer. Makes clients that suit this package: no retries of the
// SDK's own (withRetry is the one place that retries), a socket for each request at once, and no wait for checksums.

import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { EngramError } from "@engram-ts/core";

/** The module of the SDK. */
export type S3Sdk = typeof import("@aws-sdk/client-s3");

/** Where requests go: a client handed in, or what to make one from. */
export interface S3ClientOptions {
  /**
   * A client of the caller's, used as it is and not closed. Give it `maxAttempts: 1`, and a socket for each request that
   * is under way at once.
   */
  readonly client?: S3Client;
  /** For a client of the store's own. Region, endpoint and credentials that are not here come from the SDK's own chain. */
  readonly clientConfig?: S3ClientConfig;
}

/** A client, and how to end it. */
export interface S3Connection {
  readonly sdk: S3Sdk;
  readonly client: S3Client;
  /** The client is one of our own. */
  readonly own: boolean;
  /** Ends a client of our own; leaves one that was handed in. */
  close(): void;
}

/**
 * Loads the SDK and makes a client where none is handed in.
 * @param sockets most connections at once.
 * @throws EngramError `missing-dependency` where `@aws-sdk/client-s3` is not installed.
 */
export async function connectS3(
  { client, clientConfig = {} }: S3ClientOptions,
  sockets: number,
  timeoutMs: number,
): Promise<S3Connection> {
  const sdk = await loadSdk();
  if (client !== undefined) return { sdk, client, own: false, close: () => {} };
  const agent = { keepAlive: true, maxSockets: sockets };
  const own = new sdk.S3Client({
    maxAttempts: 1,
    cacheMiddleware: true,
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs, httpAgent: agent, httpsAgent: agent },
    // servers named by an endpoint rarely have a name for each bucket
    ...(namesEndpoint(clientConfig) ? { forcePathStyle: true } : {}),
    ...clientConfig,
  });
  return { sdk, client: own, own: true, close: () => own.destroy() };
}

function namesEndpoint({ endpoint }: S3ClientConfig): boolean {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  return endpoint !== undefined || AWS_ENDPOINT_URL_S3 !== undefined || AWS_ENDPOINT_URL !== undefined;
}

async function loadSdk(): Promise<S3Sdk> {
  try {
    return await import("@aws-sdk/client-s3");
  } catch (cause) {
    throw new EngramError({
      code: "missing-dependency",
      operation: "s3Store",
      message: "the package @aws-sdk/client-s3 is needed and cannot be loaded; npm install @aws-sdk/client-s3",
      cause,
    });
  }
}
