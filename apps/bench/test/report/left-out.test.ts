// Cells for which there was no time are told together by suite; what failed is told for itself.

import { expect, test } from "vitest";
import { leftOutItems } from "../../src/report/left-out.js";

test("many cells of two suites become two lines, after those that failed", () => {
  const found = leftOutItems([
    { what: "tiers/decode/hot/a/1/1", why: "no time was left: it takes 5 s, and 4 s were left" },
    { what: "file in tiers/decode/cold/a/1/1", why: "it gave no answer within 15 s; its process was ended" },
    { what: "tiers/prefill/hot/a/1/1", why: "no time was left" },
    { what: "cache, curve 2", why: "the time was over before it was done" },
  ]);
  expect(found).toEqual([
    { what: "file in tiers/decode/cold/a/1/1", why: "it gave no answer within 15 s; its process was ended" },
    { what: "tiers, for want of time, 2 cells", why: "decode/hot/a/1/1; prefill/hot/a/1/1" },
    { what: "cache, for want of time, one cell", why: "curve 2" },
  ]);
  expect(leftOutItems([])).toEqual([]);
});
