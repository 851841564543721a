// Nodes of attention: softmax with a mask, rotary positions, and attention in one operation.

import { checkF32 } from "./elementwise.js";
import { GgmlNode, misfit, sameSides } from "./node.js";

/** Softmax of each row of scale * a + mask. mask: f32 or f16 [n, rows or more, 1 or z, 1 or w]. */
export function softMax(a: GgmlNode, mask: GgmlNode | undefined, scale: number): GgmlNode {
  checkF32("soft_max", a);
  const fits =
    mask === undefined ||
    ((mask.type === "f32" || mask.type === "f16") &&
      mask.packed &&
      mask.sides[0] === a.sides[0] &&
      mask.sides[1] >= a.sides[1] &&
      a.sides[2] % mask.sides[2] === 0 &&
      a.sides[3] % mask.sides[3] === 0);
  if (!fits || !a.packed) throw misfit("soft_max", "sides", ...(mask === undefined ? [a] : [a, mask]));
  const sources = mask === undefined ? [a] : [a, mask];
  return new GgmlNode("f32", a.sides, { operation: "softMax", sources, parameters: [scale] });
}

/**
 * The gradient of {@link softMax}'s input, of its result's gradient and its result. ggml's planner may lay this node over
 * either source, and its CPU kernel overwrites the result before it has read it; memory with two views it leaves alone.
 */
export function softMaxBack(gradient: GgmlNode, y: GgmlNode, scale: number): GgmlNode {
  checkF32("soft_max_back", gradient);
  checkF32("soft_max_back", y);
  if (!sameSides(gradient, y) || !gradient.packed || !y.packed) throw misfit("soft_max_back", "sides", gradient, y);
  return new GgmlNode("f32", y.sides, {
    operation: "softMaxBack",
    sources: [gradient, shown(shown(y))],
    parameters: [scale],
  });
}

function shown(a: GgmlNode): GgmlNode {
  return new GgmlNode(a.type, a.sides, { operation: "reshape", sources: [a], parameters: a.sides, view: true });
}

/** Rotary positions of [width, heads, tokens, z]. */
export interface RopeFacts {
  /** i32 [tokens]. */
  readonly positions: GgmlNode;
  /** f32 [pairs]: 1 / frequency of each pair. */
  readonly periods: GgmlNode;
  readonly amplitude: number;
  readonly pairs: "interleaved" | "halves";
}

/** Turns the first pairs of each head by their positions. */
export function rope(a: GgmlNode, facts: RopeFacts): GgmlNode {
  return turned("rope", a, facts);
}

/** The gradient of {@link rope}'s input. */
export function ropeBack(gradient: GgmlNode, facts: RopeFacts): GgmlNode {
  return turned("ropeBack", gradient, facts);
}

function turned(operation: string, a: GgmlNode, { positions, periods, amplitude, pairs }: RopeFacts): GgmlNode {
  checkF32(operation, a);
  const dims = 2 * periods.sides[0];
  const fits =
    positions.type === "i32" && positions.sides[0] === a.sides[2] && dims <= a.sides[0] && a.strides[0] === 4;
  if (!fits) throw misfit(operation, "sides", a, positions, periods);
  return new GgmlNode("f32", a.sides, {
    operation,
    sources: [a, positions, periods],
    parameters: [dims, pairs === "halves" ? 2 : 0, amplitude],
  });
}

/**
 * Attention in one operation: q f32 [w, queries, heads, z], k [w, keys, key heads, z], v [v, keys, key heads, z], mask f16
 * [keys, queries or more, 1, z] -> f32 [v, heads, queries, z].
 */
export function flashAttention(
  q: GgmlNode,
  k: GgmlNode,
  v: GgmlNode,
  mask: GgmlNode | undefined,
  scale: number,
): GgmlNode {
  const fits =
    q.type === "f32" &&
    q.sides[0] === k.sides[0] &&
    k.sides[1] === v.sides[1] &&
    k.sides[2] === v.sides[2] &&
    q.sides[2] % k.sides[2] === 0 &&
    q.sides[3] % k.sides[3] === 0 &&
    (mask === undefined ||
      (mask.type === "f16" &&
        mask.packed &&
        mask.sides[0] === k.sides[1] &&
        mask.sides[1] >= q.sides[1] &&
        q.sides[2] % mask.sides[2] === 0 &&
        q.sides[3] % mask.sides[3] === 0));
  if (!fits) throw misfit("flash_attn_ext", "sides", q, k, v, ...(mask === undefined ? [] : [mask]));
  return new GgmlNode("f32", [v.sides[0], q.sides[2], q.sides[1], q.sides[3]], {
    operation: "flashAttention",
    sources: mask === undefined ? [q, k, v] : [q, k, v, mask],
    parameters: [scale],
  });
}
