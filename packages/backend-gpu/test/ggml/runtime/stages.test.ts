// How nodes are put into stages: deferred nodes wait for what they look at and no longer, views are shown again by the
// stage that uses them, writes in place run once and in order.

import { expect, it } from "vitest";
import { add, square } from "../../../src/ggml/nodes/elementwise.js";
import { GgmlNode } from "../../../src/ggml/nodes/node.js";
import { argsort, sum, sumRows } from "../../../src/ggml/nodes/products.js";
import { copyInto, hostLeaf, pack, reshape, slice, transpose } from "../../../src/ggml/nodes/shape.js";
import { planStages } from "../../../src/ggml/runtime/stages.js";

const unchanged = (): void => undefined;
const leaf = () => hostLeaf("f32", [4, 3], new Float32Array(12));

/** A node of x's sides that looks at `ids`. */
function deferred(x: GgmlNode, ids: GgmlNode): GgmlNode {
  const deferral = { looksAt: [ids], expand: () => x };
  return new GgmlNode("f32", x.sides, { operation: "deferred", sources: [ids, x], deferral });
}

it("runs all in one stage where nothing is looked at", () => {
  const sum = add(leaf(), leaf());
  const [first, ...more] = planStages([add(sum, sum)], unchanged);
  expect(more).toEqual([]);
  expect(first?.nodes.map(({ operation }) => operation)).toEqual(["add", "add"]);
});

it("has layers' gradients wait for their routes together, not one for the other", () => {
  const [x, y] = [leaf(), leaf()];
  const routes = [argsort(x), argsort(y)];
  const last = deferred(add(x, y), routes[1] as GgmlNode);
  const first = deferred(add(last, x), routes[0] as GgmlNode);
  const stages = planStages([first], unchanged);
  expect(stages).toHaveLength(2);
  expect(stages[0]?.deferred).toEqual([last, first]);
  expect(stages[0]?.kept).toEqual(new Set([...routes, ...last.sources.slice(1)]));
});

it("has a route that depends on a deferred node wait for it", () => {
  const first = deferred(leaf(), argsort(leaf()));
  const second = deferred(first, argsort(add(first, leaf())));
  expect(planStages([second], unchanged)).toHaveLength(3);
});

it("keeps what a view shows, not the view, whose strides would be lost", () => {
  const sum = add(leaf(), leaf());
  const late = deferred(leaf(), argsort(leaf()));
  const use = add(late, reshape(pack(transpose(slice(transpose(sum), 0, 0, 3))), 4, 3));
  const [first] = planStages([add(use, slice(sum, 1, 0, 1))], unchanged);
  for (const node of first?.kept ?? []) expect(node.root).toBe(node);
  expect(first?.kept.has(sum)).toBe(true);
});

it("runs a write in place once, though a later stage reads what it wrote", () => {
  const into = add(leaf(), leaf());
  const written = copyInto(leaf(), into);
  const late = deferred(leaf(), argsort(leaf()));
  const stages = planStages([add(late, written)], unchanged);
  expect(stages.map(({ nodes }) => nodes.includes(written))).toEqual([true, false]);
  expect(stages[0]?.kept.has(written)).toBe(true);
});

it("runs what is put between a node and its sources after the deferred node that it reads", () => {
  const late = deferred(leaf(), argsort(leaf()));
  const total = sum(square(late));
  const stages = planStages([total], (node) => {
    if (node === total) node.sources = node.sources.map((source) => sumRows(reshape(source, 12, 1)));
  });
  expect(stages[1]?.nodes.map(({ operation }) => operation)).toEqual(["deferred", "sqr", "reshape", "sumRows", "sum"]);
});
