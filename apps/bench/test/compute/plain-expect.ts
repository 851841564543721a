// The few matchers that the engine suite uses, without a test runner: what is bundled in its place for hosts that have
// none. Throws where a value is not what is expected.

import { isDeepStrictEqual } from "node:util";

/** As vitest's, in part. */
export function expect(found: unknown, about = "a value") {
  return { ...matchers(found, about, true), not: matchers(found, about, false) };
}

expect.fail = (message: string): never => {
  throw new Error(message);
};

function matchers(found: unknown, about: string, wanted: boolean) {
  const check = (holds: boolean, expected: string): void => {
    if (holds === wanted) return;
    throw new Error(`${about}: found ${shown(found)}, expected ${wanted ? "" : "not "}${expected}`);
  };
  return {
    toBe: (expected: unknown) => check(Object.is(found, expected), shown(expected)),
    toEqual: (expected: unknown) => check(isDeepStrictEqual(found, expected), shown(expected)),
    toHaveLength: (length: number) => check((found as ArrayLike<unknown>).length === length, `length ${length}`),
    toBeDefined: () => check(found !== undefined, "something"),
    toMatch: (pattern: RegExp) => check(pattern.test(String(found)), String(pattern)),
    toBeLessThan: (limit: number) => check((found as number) < limit, `less than ${limit}`),
    toBeLessThanOrEqual: (limit: number) => check((found as number) <= limit, `at most ${limit}`),
    toBeGreaterThan: (limit: number) => check((found as number) > limit, `more than ${limit}`),
  };
}

function shown(value: unknown): string {
  const text = value instanceof Error ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
