// The programs of examples/ run as a reader runs them, against the built packages, and print what the README shows.

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../../examples/", import.meta.url));

/** What each program must print; one without an entry here fails. */
const expected: Readonly<Record<string, RegExp>> = {
  "first-rows.mjs": /^64 rows, 4096 values, \{"dram":64\}\n$/,
};

describe("examples", () => {
  const programs = readdirSync(folder).filter((name) => name.endsWith(".mjs"));

  it.each(programs)("%s runs and prints what it should", async (name) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [name], { cwd: folder });
    expect(stderr).toBe("");
    expect(stdout).toMatch(expected[name] ?? /^this example has no expectation$/);
  });
});
