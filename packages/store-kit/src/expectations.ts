// The few assertions of the conformance suite, independent of any test runner: they throw a ConformanceFailure that says
// what was expected and what was found. Refusals are recognised by their code, never by their message.

import { type EngramError, type ErrorCode, isEngramError } from "@engram-ts/core";

/** A store did not keep the contract. Not an EngramError: it is a verdict of the suite, nothing to handle or retry. */
export class ConformanceFailure extends Error {
  override readonly name = "ConformanceFailure";
}

/** Fails where `condition` does not hold. */
export function expectThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ConformanceFailure(what);
}

/** Fails where two plain values differ. */
export function expectSame(found: unknown, expected: unknown, what: string): void {
  if (Object.is(found, expected)) return;
  throw new ConformanceFailure(`${what}: expected ${String(expected)}, found ${String(found)}`);
}

/** Fails where bytes differ, and names the first row and byte in which they do. */
export function expectBytes(found: Uint8Array, expected: Uint8Array, rowBytes: number, what: string): void {
  expectSame(found.length, expected.length, `${what}, bytes`);
  for (let i = 0; i < expected.length; i++) {
    if (found[i] === expected[i]) continue;
    const place = `row ${Math.floor(i / rowBytes)} of the batch, byte ${i % rowBytes}`;
    throw new ConformanceFailure(`${what}: ${place}: expected ${expected[i]}, found ${found[i]}`);
  }
}

/** Calls what must throw at once, before any promise, an EngramError of one of these codes; returns the error. */
export function expectThrows(code: ErrorCode | readonly ErrorCode[], what: string, call: () => unknown): EngramError {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(() => {}); // told at the wrong time: reported below, once
  } catch (error) {
    return expectCode(error, code, what);
  }
  throw new ConformanceFailure(`${what}: expected ${codeNames(code)} to be thrown, and nothing was`);
}

/** Calls what must refuse, by throwing or by a rejected promise, with one of these codes; returns the error. */
export async function expectRefusal(
  code: ErrorCode | readonly ErrorCode[],
  what: string,
  call: () => unknown,
): Promise<EngramError> {
  try {
    await call();
  } catch (error) {
    return expectCode(error, code, what);
  }
  throw new ConformanceFailure(`${what}: expected ${codeNames(code)}, and it succeeded`);
}

function expectCode(error: unknown, code: ErrorCode | readonly ErrorCode[], what: string): EngramError {
  if (isEngramError(error) && [code].flat().includes(error.code)) return error;
  const found = isEngramError(error) ? error.code : String(error);
  throw new ConformanceFailure(`${what}: expected an EngramError ${codeNames(code)}, found ${found}`, { cause: error });
}

function codeNames(code: ErrorCode | readonly ErrorCode[]): string {
  return [code].flat().join(" or ");
}
