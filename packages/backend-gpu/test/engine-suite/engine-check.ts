// One check of the suite: a function that throws where the engine is wrong. A test runner runs them; so does the test of
// the suite itself, on engines that are broken on purpose.

import { type Backend, type ErrorCode, isEngramError } from "@engram-ts/core";
import { expect } from "vitest";
import type { Twins } from "./twins.js";

/** Parts of the suite. */
export type CheckGroup =
  | "operations"
  | "larger"
  | "caches"
  | "updates"
  | "rows"
  | "training"
  | "parity"
  | "generation"
  | "refusals"
  | "life";

/** What a check has. */
export interface CheckContext {
  readonly twins: Twins;
  /** Opens another backend of the same engine; whoever opens closes. */
  readonly open: () => Promise<Backend<unknown>>;
}

/** A check. */
export interface EngineCheck {
  readonly group: CheckGroup;
  readonly name: string;
  /** Takes gradients, or changes parameters: left out for engines that were opened for inference alone. */
  readonly trains?: boolean;
  /** Takes long on the slowest engines: left out of a quick run. */
  readonly long?: boolean;
  /** Hangs on choices, of experts or of the likeliest token, that only float32 makes alike. */
  readonly precise?: boolean;
  run(context: CheckContext): Promise<void>;
}

/** Runs a check; tensors and bytes must be back to where they were. */
export async function runCheck(check: EngineCheck, context: CheckContext): Promise<void> {
  const { twins } = context;
  const before = twins.engine.memory();
  try {
    await check.run(context);
  } finally {
    twins.clear();
  }
  expect(twins.engine.memory(), `${check.name}: memory after all tensors are disposed of`).toEqual(before);
}

/** Expects an EngramError of a code whose text fits, thrown at once or by a promise. */
export async function expectRefusal(run: () => unknown, code: ErrorCode, message?: RegExp): Promise<void> {
  let error: unknown;
  try {
    await run();
  } catch (thrown) {
    error = thrown;
  }
  expect(error, "an error is thrown").toBeDefined();
  expect(isEngramError(error, code), `an EngramError ${code}, not ${String(error)}`).toBe(true);
  if (message !== undefined) expect(String(error)).toMatch(message);
}
