// Many small gradients in one array, so that their squares, their sum and their scaling are one operation each and not one
// a parameter. The array stays on the device from step to step; gaps between gradients hold zeros. What `clip` scaled is
// found again by the update of a parameter as long as no gradient was written to, and no other clip used the array.

import { multiply, square } from "../nodes/elementwise.js";
import { type GgmlNode, packedStrides } from "../nodes/node.js";
import { sum } from "../nodes/products.js";
import { copyInto, view } from "../nodes/shape.js";
import type { EngineContext } from "../operations/operation.js";

/** Gradients of one engine, between a clip and the updates that it is for. */
export interface FlatGradients {
  /** The sum of squares of the small ones among `gradients`, and those that are left. */
  squares(gradients: readonly GgmlNode[]): { readonly total: GgmlNode | undefined; readonly rest: readonly GgmlNode[] };
  /** What was summed last is scaled by this. */
  scaleBy(factor: GgmlNode): void;
  /** A gradient that was scaled so, or undefined. */
  scaled(gradient: GgmlNode, factor: GgmlNode): GgmlNode | undefined;
  /** A tensor was written to, which may be one of them. */
  forget(): void;
}

/** What an engine lends to them. */
export interface FlatHost {
  readonly engine: EngineContext;
  /** Memory of zeros for so many values, that stays. */
  zeros(values: number): GgmlNode;
}

/** Values of a gradient that is put into the array: where a graphics processor waits for launches, and a CPU does not copy. */
const MOST_VALUES = { processor: 2 ** 20, host: 2 ** 12 } as const;
/** Values between the beginnings of two: graphics processors bind from multiples of 256 bytes. */
const STEP = 64;

/** None yet. */
export function flatGradients({ engine, zeros }: FlatHost): FlatGradients {
  const most = engine.hostSeesResults ? MOST_VALUES.host : MOST_VALUES.processor;
  const arrays = new Map<number, GgmlNode>();
  const byFactor = new WeakMap<GgmlNode, Scaled>(); // gone with the factor: it would keep a step's graph
  let latest: { readonly array: GgmlNode; readonly places: ReadonlyMap<GgmlNode, number> } | undefined;
  let writings = 0;
  return {
    squares(gradients) {
      latest = undefined;
      writings++;
      const small = new Set(gradients.filter(({ values, packed, empty }) => values <= most && packed && !empty));
      const twice = new Set(gradients).size < gradients.length;
      if (small.size < 2 || twice) return { total: undefined, rest: gradients };
      const places = new Map<GgmlNode, number>();
      let length = 0;
      for (const node of small) {
        places.set(node, length);
        length += Math.ceil(node.values / STEP) * STEP;
      }
      const array = arrays.get(length) ?? zeros(length);
      arrays.set(length, array);
      for (const [node, at] of places) engine.effect(copyInto(node, part(array, [node.values, 1, 1, 1], at)));
      latest = { array, places };
      return { total: sum(square(array)), rest: gradients.filter((one) => !small.has(one)) };
    },
    scaleBy(factor) {
      if (latest === undefined) return;
      byFactor.set(factor, { all: multiply(latest.array, factor), places: latest.places, writings });
      latest = undefined;
    },
    scaled(gradient, factor) {
      const own = byFactor.get(factor);
      const at = own?.writings === writings ? own.places.get(gradient) : undefined;
      return own === undefined || at === undefined ? undefined : part(own.all, gradient.sides, at);
    },
    forget() {
      writings++;
    },
  };
}

/** What a factor made of an array, and how often anything had been written to by then. */
interface Scaled {
  readonly all: GgmlNode;
  readonly places: ReadonlyMap<GgmlNode, number>;
  readonly writings: number;
}

/** Values of an array from a place on, in these sides. */
function part(array: GgmlNode, sides: GgmlNode["sides"], at: number): GgmlNode {
  const [, y, z, w] = packedStrides("f32", sides);
  return view(array, sides, [y, z, w], 4 * at);
}
