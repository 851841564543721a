// Inputs of cases: seeded, of order 1, and where a formula has an edge, not on it. A token whose best experts are nearly
// equal, or whose gate is at the root's infinite slope, is drawn again: there engines rightly differ by rounding.

import type { EngramGateOptions, MoeOptions } from "@engram-ts/core";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { referenceBackend } from "../../../core/src/reference/reference-backend.js";
import { route } from "../../../core/src/reference/route.js";
import type { OperationCase } from "../../../core/test/reference/operation-cases.js";

/** Values of a case by input. */
export type CaseValues = Readonly<Record<string, Float32Array>>;

/** A case whose values are changed after they were drawn. */
export interface SuiteCase extends OperationCase {
  /** Changes them in place. */
  readonly change?: (values: CaseValues) => void;
  readonly long?: boolean;
}

/** Outputs and inputs that have no gradient. */
export const CONSTANTS: ReadonlySet<string> = new Set(["routerBias", "experts", "weights", "load", "gates"]);

/** Least difference between what is chosen and what is not, of the greatest vote. */
const ROUTE_MARGIN = 0.01;
/** Least magnitude of a gate's score. */
const SCORE_MARGIN = 0.05;

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** The values of a case. Norms lie around 1, matrices keep the variance of what they multiply. */
export function caseValues(one: SuiteCase, seed = 5): CaseValues {
  const values = Object.fromEntries(
    Object.entries(one.inputs).map(([name, shape], i) => [name, drawn(name, shape, seed, i)]),
  );
  const token = one.name === "moe" ? "x" : "streams";
  for (let attempt = 1; attempt <= 400; attempt++) {
    const edgy = edgyTokens(one, values);
    if (edgy.length === 0) break;
    const width = elements((one.inputs[token] ?? []).slice(1));
    for (const t of edgy) values[token]?.set(uniformValues(width, 0.9, seed + attempt, 1000 + t), t * width);
  }
  one.change?.(values);
  return values;
}

function drawn(name: string, shape: readonly number[], seed: number, index: number): Float32Array {
  const isWeight =
    shape.length > 1 && !["x", "a", "b", "streams", "memory", "logits", "pre", "post", "mix"].includes(name);
  const inputs = shape.at(-1) ?? 1;
  const bound = isWeight && inputs > 8 ? Math.sqrt(3 / inputs) : 0.9;
  const offset = name.toLowerCase().includes("norm") ? 1 : 0;
  return uniformValues(elements(shape), bound, seed, index).map((value) => value + offset);
}

/** Tokens on an edge of the formula. */
function edgyTokens(one: SuiteCase, values: CaseValues): number[] {
  if (one.name === "moe") return closeRoutes(values, one.inputs, one.options as MoeOptions);
  if (one.name === "engramGate") return smallScores(values, one.inputs, one.options as EngramGateOptions);
  return [];
}

function closeRoutes({ x, router, routerBias }: CaseValues, shapes: OperationCase["inputs"], options: MoeOptions) {
  const [tokens = 0, d = 0] = shapes.x ?? [];
  const [experts = 0] = shapes.router ?? [];
  const close: number[] = [];
  for (let t = 0; t < tokens; t++) {
    const products = Float64Array.from({ length: experts }, (_, e) => {
      let sum = 0;
      for (let c = 0; c < d; c++) sum += (x?.[t * d + c] ?? 0) * (router?.[e * d + c] ?? 0);
      return sum;
    });
    const { affinities, experts: chosen } = route(products, routerBias && Float64Array.from(routerBias), options);
    const votes = [...affinities].map((s, e) => s + (routerBias?.[e] ?? 0));
    if (margin(votes, chosen, options) < ROUTE_MARGIN * Math.max(...votes.map(Math.abs))) close.push(t);
  }
  return close;
}

/** The least difference on which the choice hangs: of votes, and of sums of groups. */
function margin(votes: readonly number[], chosen: readonly number[], { groups, groupsKept }: MoeOptions): number {
  const size = votes.length / groups;
  const members = Array.from({ length: groups }, (_, g) => votes.slice(g * size, (g + 1) * size));
  const sums = members.map((group) => {
    const [first = 0, second = 0] = [...group].sort((a, b) => b - a);
    return first + second;
  });
  const ranked = [...sums.keys()].sort((a, b) => (sums[b] ?? 0) - (sums[a] ?? 0));
  const kept = new Set(ranked.slice(0, groupsKept));
  const betweenGroups =
    groupsKept < groups ? (sums[ranked[groupsKept - 1] ?? 0] ?? 0) - (sums[ranked[groupsKept] ?? 0] ?? 0) : Infinity;
  const candidates = [...votes.keys()].filter((e) => kept.has(Math.floor(e / size)));
  const out = candidates.filter((e) => !chosen.includes(e)).map((e) => votes[e] ?? 0);
  const least = Math.min(...chosen.map((e) => votes[e] ?? 0));
  return Math.min(betweenGroups, out.length === 0 ? Infinity : least - Math.max(...out));
}

function smallScores(values: CaseValues, shapes: OperationCase["inputs"], options: EngramGateOptions): number[] {
  const reference = referenceBackend();
  const inputs = Object.fromEntries(
    Object.entries(values).map(([name, one]) => [name, reference.upload(one, shapes[name] ?? [])]),
  );
  const { gates } = reference.operations.engramGate.forward(inputs as never, { ...options, dead: new Uint8Array(0) });
  const small = new Set<number>();
  gates.values.forEach((g, i) => {
    const root = Math.log(g / (1 - g));
    if (root * root < SCORE_MARGIN) small.add(Math.floor(i / options.streams));
  });
  return [...small];
}
