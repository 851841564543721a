// The one error class of the SDK. Every failure that a caller can meet carries a stable code, says whether trying again
// can help, and tells in its message what was expected, what was found, where, and how to mend it.
// Not here: mapping of foreign errors, which each driver does at its own edge.

/** What went wrong, as a stable string. New codes may be added in a minor version; none changes its meaning. */
export type ErrorCode =
  // the caller's mistake: thrown at once
  | "invalid-argument"
  | "invalid-config"
  | "token-out-of-range"
  | "row-out-of-range"
  | "batch-too-large"
  | "output-length"
  | "ticket-not-ready"
  | "ticket-released"
  | "store-closed"
  | "store-read-only"
  | "transaction-open"
  | "transaction-closed"
  | "history-window"
  | "unsupported"
  | "missing-dependency"
  | "no-placement"
  // what came from outside is not what it should be
  | "invalid-manifest"
  | "manifest-mismatch"
  | "invalid-tokenizer"
  | "invalid-token-map"
  | "invalid-safetensors"
  | "truncated"
  | "digest-mismatch"
  // what a computation came to
  | "diverged"
  // the world
  | "aborted"
  | "deadline-exceeded"
  | "not-found"
  | "permission-denied"
  | "out-of-memory"
  | "out-of-space"
  | "io";

/**
 * Whether the same call may succeed when tried again: `never` (it cannot), `later` (the cause may pass), `gave-up`
 * (it was tried again and the budget for that is spent).
 */
export type RetryAdvice = "never" | "later" | "gave-up";

/** What an {@link EngramError} is made from. */
export interface EngramErrorOptions {
  /** Stable name of the failure. */
  readonly code: ErrorCode;
  /** The public function that failed, as its caller wrote it: `ticket.gather`. */
  readonly operation: string;
  /** Expected, found, where, and how to mend it. */
  readonly message: string;
  /** Default `never`. */
  readonly retry?: RetryAdvice;
  /** The numbers and names of the message, for programs. No secrets, ever. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** The foreign error behind this one. */
  readonly cause?: unknown;
}

const marker = Symbol.for("engram-ts.error");

/**
 * An error of this SDK. Recognise it with {@link isEngramError}, which also holds between two copies of the package,
 * and branch on `code`, never on the message.
 */
export class EngramError extends Error {
  readonly code: ErrorCode;
  readonly operation: string;
  readonly retry: RetryAdvice;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(options: EngramErrorOptions) {
    super(
      `${options.operation}: ${options.message}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "EngramError";
    this.code = options.code;
    this.operation = options.operation;
    this.retry = options.retry ?? "never";
    this.context = options.context ?? {};
    Object.defineProperty(this, marker, { value: true });
  }
}

/**
 * Whether `value` is an {@link EngramError}, of this copy of the package or of another, and, where `code` is given, of
 * that code.
 */
export function isEngramError(value: unknown, code?: ErrorCode): value is EngramError {
  if (typeof value !== "object" || value === null || !(marker in value)) return false;
  return code === undefined || ("code" in value && value.code === code);
}
