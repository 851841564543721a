// What goes in and out of probes and made texts is JSON, which a cell carries and a result keeps: options are read field by
// field and refused where they are of another kind; results are written as they will be read again.

import { EngramError, type JsonValue } from "@engram-ts/core";
import type { JsonObject } from "../cell.js";

/** A whole number from 1, or the default where it is left out. */
export function countOption(options: JsonObject, name: string, fallback: number): number {
  const value = options[name] ?? fallback;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw refused(name, value, "a whole number from 1");
}

/** Whole numbers from 1, or the default. */
export function countsOption(options: JsonObject, name: string, fallback: readonly number[]): readonly number[] {
  const value = options[name] ?? fallback;
  if (Array.isArray(value) && value.length > 0 && value.every((one) => Number.isSafeInteger(one) && one >= 1)) {
    return value;
  }
  throw refused(name, value, "a list of whole numbers from 1");
}

/** A result as JSON; numbers that are none become null. */
export function asJson(result: object): JsonValue {
  return JSON.parse(JSON.stringify(result)) as JsonValue; // what parse gives
}

function refused(name: string, value: unknown, expected: string): EngramError {
  const message = `${name} is ${JSON.stringify(value)}; use ${expected}`;
  return new EngramError({ code: "invalid-argument", operation: "experiment", message });
}
