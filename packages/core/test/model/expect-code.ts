// Expects a call or a promise to fail with an EngramError of a code and a message.

import { expect } from "vitest";
import { type ErrorCode, isEngramError } from "../../src/errors.js";

export function expectCode(run: () => unknown, code: ErrorCode, message: RegExp): void;
export function expectCode(run: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void>;
export function expectCode(run: (() => unknown) | Promise<unknown>, code: ErrorCode, message: RegExp): unknown {
  const check = (error: unknown): void => {
    expect(isEngramError(error, code), `${String(error)}`).toBe(true);
    expect(String(error)).toMatch(message);
  };
  if (typeof run !== "function") return run.then(() => expect.fail("it did not fail"), check);
  try {
    run();
  } catch (error) {
    return check(error);
  }
  return expect.fail("it did not fail");
}
