// The example with a block kind of its own: short, and it runs. `npm test` builds first.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const program = fileURLToPath(new URL("../../../../examples/custom-stack/custom-stack.mjs", import.meta.url));

it("the example of a block kind of one's own generates and has a gradient, in under 80 lines", () => {
  const output = execFileSync(process.execPath, [program], { encoding: "utf8" });
  expect(output).toMatch(/^generated (\d+ ){7}\d+\nloss \d\.\d{4}, gradient of 192 values: \d+\.\d+\n$/);
  expect(readFileSync(program, "utf8").trimEnd().split("\n").length).toBeLessThan(80);
});
