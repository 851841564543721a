// Long sums on graphics processors. ggml's Vulkan adds all values of a sum in one workgroup, and the rows of a gradient of
// what is repeated one after the other for each column; on an H200 both took a quarter of a training step each. In two
// steps and more, of parts side by side, there is work for the whole device.

import { repeatBack } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { sumRows } from "../nodes/products.js";
import { reshape } from "../nodes/shape.js";

/** Values that one workgroup adds quickly. */
const FEW_VALUES = 1024;
/** Values of a part, at the most. */
const PART_VALUES = 256;
/** Parts of fewer values are not worth a step. */
const LEAST_PART = 8;
/** Rows that are quickly added one after the other. */
const FEW_ROWS = 128;

/** Has a long sum add the sums of its parts. */
export function splitSums(node: GgmlNode): void {
  const [source] = node.sources;
  if (source === undefined || source.type !== "f32" || !source.packed || source.empty) return;
  if (node.operation === "sum") node.sources = [partSums(source)];
  if (node.operation === "sumRows" && source.sides[0] > FEW_VALUES) node.sources = [partRowSums(source)];
  if (node.operation !== "repeatBack" || node.sides.some((side, i) => i > 0 && side > 1)) return;
  const [width] = node.sides;
  const rows = source.values / width;
  const part = rows > FEW_ROWS && source.sides[0] === width ? greatestDivisor(rows, Math.ceil(Math.sqrt(rows))) : 1;
  if (part > 1) node.sources = [repeatBack(reshape(source, width, rows / part, part), [width, rows / part, 1, 1])];
}

/** Fewer values with the same sum. */
function partSums(source: GgmlNode): GgmlNode {
  const { values } = source;
  const part = values > FEW_VALUES ? greatestDivisor(values, PART_VALUES) : 1;
  return part < LEAST_PART ? source : partSums(reshape(sumRows(reshape(source, part, values / part)), values / part));
}

/** The same for each row. */
function partRowSums(source: GgmlNode): GgmlNode {
  const [n, ...others] = source.sides;
  const part = greatestDivisor(n, PART_VALUES);
  return part < LEAST_PART
    ? source
    : reshape(sumRows(reshape(source, part, source.values / part)), n / part, ...others);
}

/** The greatest divisor of `number` up to `most`. */
function greatestDivisor(number: number, most: number): number {
  let divisor = Math.min(most, number);
  while (number % divisor !== 0) divisor--;
  return divisor;
}
