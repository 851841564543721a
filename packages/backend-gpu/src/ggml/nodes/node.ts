// A node of a graph that has not run yet: what it computes, of which nodes, and the type and sides of what comes out. Nodes
// are made by the functions beside this file, which check all that ggml would end the process for. Sides are in ggml's
// order: the first is the one that lies close together, so a matrix [N, width] has sides [width, N, 1, 1].

import { EngramError } from "@engram-ts/core";
import { rowBytes, TYPES, type TypeName } from "../library/types.js";

/** Four numbers, one a dimension. */
export type Four = readonly [number, number, number, number];

/** Values that the host gives. */
export type HostValues = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array | Int8Array;

/** Where the values of a node lie. */
export interface Place {
  /** Address of a buffer's struct, and of the first value. */
  readonly buffer: bigint;
  readonly address: bigint;
  /** A tensor struct with these values. */
  readonly tensor: bigint;
}

/** What a node is: an operation of ggml, or a leaf. */
export interface NodeKind {
  readonly operation: string;
  /** Numbers of the operation, as its builder takes them. */
  readonly parameters?: readonly number[];
  readonly sources?: readonly GgmlNode[];
  /** Bytes between neighbours of a dimension; those of packed values where left out. */
  readonly strides?: Four;
  /** The result lies where the first source does. */
  readonly view?: boolean;
  /** Writes into the first source. */
  readonly writes?: readonly number[];
  readonly host?: HostValues;
  /** See {@link Deferral}. */
  readonly deferral?: Deferral;
}

/**
 * A node whose graph depends on values that the engine computes, such as how many tokens an expert has: after the sources
 * named here ran, the host looks at their values and says what is to be computed.
 */
export interface Deferral {
  readonly looksAt: readonly GgmlNode[];
  /** The node in its place: same type and sides. */
  expand(values: readonly Uint8Array[]): GgmlNode;
}

let made = 0;

/** See the head of this file. */
export class GgmlNode {
  /** Nodes made later have greater numbers; those that a run puts in between get numbers in between. */
  number = ++made;
  operation: string;
  parameters: readonly number[];
  sources: readonly GgmlNode[];
  /** The node whose memory this one shows: itself, where it is no view. */
  readonly root: GgmlNode;
  readonly strides: Four;
  /** Which sources are written to. */
  readonly writes: readonly number[];
  /** What the host gave, as long as it is only there. */
  host: HostValues | undefined;
  /** Where the values lie, once they are there. */
  place: Place | undefined;
  /** Why there will be none. */
  failure: unknown;
  /** Handles that show it or a view of it. */
  handles = 0;
  /** A run was asked for that gives it its values. */
  scheduled = false;
  /** Runs that took it from the host. */
  staged = 0;
  readonly deferral: Deferral | undefined;
  /** What stands for a deferred node in the run that is being put together. */
  expansion: GgmlNode | undefined;

  readonly type: TypeName;
  readonly sides: Four;

  constructor(type: TypeName, sides: Four, kind: NodeKind) {
    this.type = type;
    this.sides = sides;
    this.operation = kind.operation;
    this.parameters = kind.parameters ?? NONE;
    this.sources = kind.sources ?? NONE;
    this.strides = kind.strides ?? packedStrides(type, sides);
    this.writes = kind.writes ?? NONE;
    this.host = kind.host;
    this.deferral = kind.deferral;
    this.root = (kind.view ? kind.sources?.[0]?.root : undefined) ?? this;
  }

  /** Lets go of what it was computed from: its values are there. */
  forget(): void {
    this.sources = NONE;
  }

  /** Number of values. */
  get values(): number {
    const [a, b, c, d] = this.sides;
    return a * b * c * d;
  }

  /** Bytes of the values, packed. */
  get bytes(): number {
    return rowBytes(this.type, this.sides[0]) * this.sides[1] * this.sides[2] * this.sides[3];
  }

  /** True where the values lie packed. */
  get packed(): boolean {
    const expected = packedStrides(this.type, this.sides);
    return this.sides.every((side, i) => side === 1 || this.strides[i] === expected[i]);
  }

  /** True for sides that have no values. */
  get empty(): boolean {
    return this.values === 0;
  }
}

const NONE: readonly never[] = [];

/** Strides of packed values. */
export function packedStrides(type: TypeName, [a, b, c]: Four): Four {
  const row = rowBytes(type, a);
  return [TYPES[type].bytes, row, row * b, row * b * c];
}

/** Sides with ones where they are left out. */
export function four(sides: readonly number[]): Four {
  const [a = 1, b = 1, c = 1, d = 1] = sides;
  return [a, b, c, d];
}

/** Are two nodes' sides equal? */
export function sameSides(a: GgmlNode, b: GgmlNode): boolean {
  return a.sides.every((side, i) => side === b.sides[i]);
}

/** A mistake of this engine, found before ggml would end the process: shapes that an operation's own checks let through. */
export function misfit(operation: string, what: string, ...nodes: readonly GgmlNode[]): EngramError {
  const shapes = nodes.map(({ type, sides, strides }) => `${type} [${sides.join(", ")}] strides ${strides.join(" ")}`);
  return new EngramError({
    code: "unsupported",
    operation: `ggml ${operation}`,
    message: `${what}: ${shapes.join("; ")}; this is a mistake of the engine, please report it with the model's shapes`,
  });
}
