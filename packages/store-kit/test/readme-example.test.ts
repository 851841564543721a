// The example of README.md, compiled and run; the last test keeps the two the same.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type ConformanceTarget, runConformance, storeModelProperty } from "../src/index.js";
import { modelStore as myStore } from "./model-store.js";

// example: begin
const target: ConformanceTarget = {
  name: "my-store",
  open: async (table, rows) => myStore(table, rows),
};

runConformance({ describe, test }, [target], { required: ["my-store"] });

test("my-store answers as an array of rows does", () => storeModelProperty(target));
// example: end

test("README.md shows this example", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const here = readFileSync(new URL(import.meta.url), "utf8");
  const example = here.split("// example: begin\n")[1]?.split("// example: end")[0];
  expect(readme).toContain(String(example).trim());
});
