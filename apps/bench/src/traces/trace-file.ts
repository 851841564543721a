// A recorded trace as a file: one line of JSON that says what it is, then the token ids as 32-bit little-endian numbers.
// For users who record what their own service reads, and for runs of several machines on the very same tokens.

import { readFileSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { EngramError } from "@engram-ts/core";
import { type Trace, traceOf } from "./trace.js";

const MAGIC = "engram-trace";
const LIMIT_BYTES = 2 ** 30;
const HEAD_LIMIT = 4_096;

/** Writes a trace. */
export function writeTrace(path: string, { card, ids }: Trace): void {
  const head = JSON.stringify({ format: MAGIC, version: 1, name: card.name, tokenizer: card.tokenizer });
  writeFileSync(
    path,
    Buffer.concat([Buffer.from(`${head}\n`), Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength)]),
  );
}

/**
 * Reads a trace: such a file, or plain token ids as text, separated by white space or commas.
 * @throws EngramError `not-found`, `invalid-argument`.
 */
export function readTrace(path: string): Trace {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw refused("not-found", `there is no file ${path}`);
  if (size === 0 || size > LIMIT_BYTES)
    throw refused("invalid-argument", `${path} has ${size} bytes; at most ${LIMIT_BYTES}`);
  const bytes = readFileSync(path);
  const end = bytes.subarray(0, HEAD_LIMIT).indexOf(10);
  if (bytes[0] !== 123) return plain(path, bytes.toString("latin1"));
  if (end < 0)
    throw refused("invalid-argument", `${path} has no line that says what it is; write it with engram-bench trace`);
  const { format, version, name, tokenizer } = headOf(path, bytes.subarray(0, end).toString());
  if (format !== MAGIC || version !== 1 || (bytes.length - end - 1) % 4 !== 0 || bytes.length === end + 1) {
    throw refused(
      "invalid-argument",
      `${path} is no ${MAGIC} of version 1 with whole 32-bit ids; write it with engram-bench trace`,
    );
  }
  const ids = new Uint32Array(bytes.buffer.slice(bytes.byteOffset + end + 1, bytes.byteOffset + bytes.length));
  return traceOf(String(name).slice(0, 200), "recorded", String(tokenizer).slice(0, 200), ids);
}

function plain(path: string, text: string): Trace {
  const ids = text.split(/[\s,]+/).filter((one) => one !== "");
  const wrong = ids.find((one) => !/^\d{1,9}$/.test(one));
  if (wrong !== undefined)
    throw refused("invalid-argument", `${path} holds ${JSON.stringify(wrong.slice(0, 20))}, which is no token id`);
  return traceOf(basename(path), "recorded", "not said", Uint32Array.from(ids, Number));
}

function headOf(path: string, line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>; // each field is checked by the caller
  } catch (cause) {
    throw refused("invalid-argument", `the first line of ${path} is no JSON`, cause);
  }
}

function refused(code: "not-found" | "invalid-argument", message: string, cause?: unknown): EngramError {
  return new EngramError({ code, operation: "--trace", message, cause });
}
