// Long sums in parts: the same values are added, in shapes that leave no long loop to one workgroup.

import fc from "fast-check";
import { expect, it } from "vitest";
import { repeatBack } from "../../../src/ggml/nodes/elementwise.js";
import type { GgmlNode } from "../../../src/ggml/nodes/node.js";
import { sum, sumRows } from "../../../src/ggml/nodes/products.js";
import { hostLeaf } from "../../../src/ggml/nodes/shape.js";
import { splitSums } from "../../../src/ggml/runtime/split-sums.js";

const leaf = (...sides: readonly number[]) =>
  hostLeaf("f32", sides, new Float32Array(sides.reduce((product, side) => product * side, 1)));

/** All sums between a node and its leaf, from the leaf on: values before and after. */
function steps(node: GgmlNode): [before: number, after: number][] {
  const [source] = node.sources;
  if (source === undefined) return [];
  const views = node.operation === "reshape";
  return [...steps(source), ...(views ? [] : [[source.values, node.values] as [number, number]])];
}

it("adds a long sum in parts of at most 256 values, then a short one", () => {
  const total = sum(leaf(1_187_840));
  splitSums(total);
  expect(steps(total)).toEqual([
    [1_187_840, 4_640],
    [4_640, 20],
    [20, 1],
  ]);
});

it("adds many rows in two steps of about as many", () => {
  const columns = repeatBack(leaf(96, 4096), [96, 1, 1, 1]);
  splitSums(columns);
  expect(steps(columns)).toEqual([
    [96 * 4096, 96 * 64],
    [96 * 64, 96],
  ]);
  expect(columns.sources[0]?.sides).toEqual([96, 64, 1, 1]);
});

it("adds long rows in parts", () => {
  const rows = sumRows(leaf(8192, 149));
  splitSums(rows);
  expect(steps(rows)).toEqual([
    [8192 * 149, 32 * 149],
    [32 * 149, 149],
  ]);
  expect(rows.sources[0]?.sides).toEqual([32, 149, 1, 1]);
});

it("leaves alone what is short, prime, or keeps more than one row", () => {
  for (const node of [sum(leaf(1024)), sum(leaf(1031)), repeatBack(leaf(96, 128), [96, 1, 1, 1])]) {
    splitSums(node);
    expect(steps(node)).toHaveLength(1);
  }
  const streams = repeatBack(leaf(96, 4, 4096), [96, 1, 4096, 1]);
  splitSums(streams);
  expect(steps(streams)).toHaveLength(1);
});

it("loses no value, whatever the sides", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 40 }), (rows, width) => {
      const columns = repeatBack(leaf(width, rows), [width, 1, 1, 1]);
      const total = sum(leaf(rows));
      for (const node of [columns, total]) splitSums(node);
      for (const node of [columns, total]) {
        const all = steps(node);
        all.reduce(
          (left, [before, after]) => {
            expect(before).toBe(left);
            expect(before % after).toBe(0);
            return after;
          },
          node === total ? rows : rows * width,
        );
      }
      expect(steps(columns).at(-1)?.[1] ?? width).toBe(width);
    }),
    { numRuns: 50 },
  );
});
