// Source files stay short: a median of at most 120 lines, none over 500 without a reason listed here. Files over 300
// lines are named in a note: look whether they hold two nouns.
// Not here: tests, fixtures, and generated files (*.wasm.ts).

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { packageNames, sourceFiles } from "./repository.js";

const MEDIAN = 120;
const SOFT = 300;
const HARD = 500;

/** Files over the hard limit, each with the reason why splitting it would make it worse. */
const exceptions: Readonly<Record<string, string>> = {};

const sizes = packageNames().flatMap((name) =>
  sourceFiles(`packages/${name}`).map((path) => ({
    path,
    lines: readFileSync(path, "utf8").trimEnd().split("\n").length,
  })),
);

describe("source files", () => {
  it(`hold at most ${HARD} lines, or a listed reason`, () => {
    const long = sizes.filter(({ lines }) => lines > HARD).map(({ path }) => path);
    expect(long.sort()).toEqual(Object.keys(exceptions).sort());
    for (const reason of Object.values(exceptions)) expect(reason.length).toBeGreaterThan(20);
    for (const { path, lines } of sizes) {
      if (lines > SOFT) process.stdout.write(`note: ${path} has ${lines} lines; does it hold two nouns?\n`);
    }
  });

  it(`have a median of at most ${MEDIAN} lines in every package`, () => {
    for (const name of packageNames()) {
      const lines = sizes.filter(({ path }) => path.startsWith(`packages/${name}/`)).map((file) => file.lines);
      lines.sort((a, b) => a - b);
      const median = lines[lines.length >> 1] ?? 0;
      expect(median, `median of packages/${name}`).toBeLessThanOrEqual(MEDIAN);
    }
  });
});
