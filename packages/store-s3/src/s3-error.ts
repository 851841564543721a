// Maps what the AWS SDK and the network throw to EngramErrors, here and nowhere else. Secrets stay behind: of a foreign
// error only its name, HTTP status, request id and system code are kept, never its message, headers or fields, since
// servers and proxies echo keys, tokens and signatures in those.

import { EngramError, type ErrorCode, type RetryAdvice } from "@engram-ts/core";

/** What was being done. */
export interface S3Action {
  /** The public function that failed. */
  readonly operation: string;
  /** Such as `GetObject`. */
  readonly request: string;
  readonly bucket: string;
  readonly key: string;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly retry: RetryAdvice;
  readonly message: string;
  readonly reason?: string;
}

const EXPIRED = /^(ExpiredToken(Exception)?|TokenRefreshRequired|RequestExpired)$/;
const BUSY =
  /^(SlowDown|RequestTimeout|ThrottlingException|Throttling|TooManyRequests|ServiceUnavailable|InternalError)/;
const NETWORK =
  /^(ECONN\w+|EPIPE|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ERR_STREAM_PREMATURE_CLOSE|ERR_SOCKET_\w+|UND_ERR_\w+|HPE_\w+)$/;

/** The EngramError for whatever `cause` is; an EngramError is given back as it is. */
export function s3Error(action: S3Action, cause: unknown): EngramError {
  if (cause instanceof EngramError) return cause;
  const seen = visible(cause);
  const { code, retry, message, reason } = meaningOf(seen);
  const { operation, request, bucket, key } = action;
  const { name, status, requestId } = seen;
  return new EngramError({
    code,
    operation,
    message: `${request} of s3://${bucket}/${key}: ${message}`,
    retry,
    context: {
      request,
      bucket,
      key,
      ...(status === undefined ? {} : { status }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(reason === undefined ? {} : { reason }),
    },
    cause: new Error(status === undefined ? name : `${name} (HTTP ${status})`),
  });
}

/** What of a foreign error may be shown. */
interface VisibleError {
  readonly name: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
}

function visible(cause: unknown): VisibleError {
  const { name, code, $metadata } = (typeof cause === "object" && cause !== null ? cause : {}) as {
    name?: unknown;
    code?: unknown;
    $metadata?: { httpStatusCode?: unknown; requestId?: unknown };
  };
  const plain = (value: unknown): string | undefined =>
    typeof value === "string" && /^[A-Za-z0-9_.:=+/-]{1,64}$/.test(value) ? value : undefined;
  const status = $metadata?.httpStatusCode;
  return {
    // a system error is named by its code; names are identifiers, so nothing is hidden in them
    name: identifier(code) ?? identifier(name) ?? "an unnamed error",
    status: typeof status === "number" ? status : undefined,
    requestId: plain($metadata?.requestId),
  };
}

function identifier(value: unknown): string | undefined {
  return typeof value === "string" && /^[A-Za-z][A-Za-z0-9_]{0,47}$/.test(value) ? value : undefined;
}

function meaningOf({ name, status }: VisibleError): Meaning {
  const answered = status === undefined ? name : `${name}, HTTP ${status}`;
  if (EXPIRED.test(name)) {
    return {
      code: "permission-denied",
      retry: "never",
      reason: "expired-credentials",
      message: `the credentials have expired (${answered}); renew them, and open the store again if they were handed in`,
    };
  }
  if (name === "CredentialsProviderError" || name === "TokenProviderError") {
    return {
      code: "permission-denied",
      retry: "never",
      reason: "no-credentials",
      message: "the SDK found no credentials; set them where its chain looks: environment, profile, SSO or role",
    };
  }
  if (BUSY.test(name) || status === 408 || status === 429 || (status !== undefined && status >= 500)) {
    return { code: "io", retry: "later", message: `the server cannot answer now (${answered}); try again later` };
  }
  if (status === 401 || status === 403) {
    return {
      code: "permission-denied",
      retry: "never",
      reason: "refused",
      message: `the server refuses it (${answered}); are credentials, bucket policy and clock right?`,
    };
  }
  if (status === 404) {
    return { code: "not-found", retry: "never", message: `there is no such object or bucket (${answered})` };
  }
  if (status === 412 || status === 416) {
    return {
      code: "manifest-mismatch",
      retry: "never",
      reason: "replaced",
      message: `the table was replaced under its reader (${answered}); open it again to read the new one`,
    };
  }
  if (status === 301 || status === 307) {
    return { code: "invalid-config", retry: "never", message: `the bucket is in another region (${answered})` };
  }
  if (name === "TimeoutError" || NETWORK.test(name)) {
    return { code: "io", retry: "later", message: `the connection failed (${answered}); try again later` };
  }
  if (status === undefined && /Region/i.test(name)) {
    return { code: "invalid-config", retry: "never", message: "the SDK knows no region; set AWS_REGION" };
  }
  // an answer that cannot be read at all may be one that was cut or damaged on its way
  return {
    code: "io",
    retry: status === undefined || status < 300 ? "later" : "never",
    message: `it failed (${answered})`,
  };
}
