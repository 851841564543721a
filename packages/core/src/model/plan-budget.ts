// How a budget of parameters is split between experts and memory. The paper's law (arXiv 2601.07372, section 3): of the
// sparse parameters, which a token leaves idle, the share rho goes to experts and the rest to tables; the loss is least
// at 75 to 80 %. What a token uses stays the same, so that two splits cost the same to run.

import type { BlockKindOptions } from "./block-kinds.js";
import type { BlockSpec, MemorySpec, ModelSpec, MoeSpec } from "./model-spec.js";
import { rowsPerToken } from "./parameters.js";
import { countParameters } from "./parameters-count.js";
import { refusePlan } from "./plan-workload.js";
import { parseModelSpec } from "./spec-parse.js";

/** The share for experts that the paper found best, the middle of 75 to 80 %. */
export const BEST_RHO = 0.775;

/** What a model may have. */
export interface Budget {
  /** All parameters. */
  readonly total: number;
  /** Parameters of a token; the template's top-k where left out. */
  readonly activated?: number;
  /** Share of the sparse parameters for experts, 0 to 1. */
  readonly rho: number;
}

/** See {@link splitSparsity}. */
export interface SparsitySplit {
  readonly sparse: number;
  readonly experts: number;
  readonly memory: number;
}

/**
 * The law as it stands: sparse = total - activated, of which rho for experts.
 * @throws EngramError `invalid-argument` where activated is above total or rho outside 0 to 1.
 */
export function splitSparsity(budget: Budget & { readonly activated: number }): SparsitySplit {
  const { total, activated, rho } = budget;
  checkBudget(budget);
  const sparse = total - activated;
  return { sparse, experts: rho * sparse, memory: (1 - rho) * sparse };
}

/**
 * A model like `template` with as many experts and as large tables as a budget allows. The template gives all widths,
 * the share of each table and order, and the top-k where no activated budget is named; experts come in whole groups.
 * Without memory (rho 1) its engrams are left out.
 * @throws EngramError `invalid-argument` where the template has no experts or no memory for a share, or where the budget
 * does not pay for what is neither.
 */
export function specForBudget(template: ModelSpec, budget: Budget, options: BlockKindOptions = {}): ModelSpec {
  checkBudget(budget);
  const { total, rho } = budget;
  const moes = template.blocks.flatMap(({ feedForward }) => (feedForward.kind === "moe" ? [feedForward] : []));
  if (moes.length === 0 && rho > 0) refusePlan("the model has no experts to give a share to; use rho 0");
  if (template.memory === undefined && rho < 1) refusePlan("the model has no memory to give a share to; use rho 1");
  const memory = rho < 1 ? template.memory : undefined;

  const base = sized(template, moes, memory);
  const count = countParameters(base, options);
  const sizeOf = (one: MoeSpec): number => 3 * template.width * one.expertWidth; // one SwiGLU
  const common = count.activated - sumOf(moes, (one) => sizeOf(one) * one.topK); // what all tokens activate
  const oneEach = sumOf(moes, sizeOf); // one more expert in every block that has experts
  const topK = budget.activated === undefined ? undefined : chooseTopK(budget.activated, common, oneEach);
  const chosen = sumOf(moes, (one) => sizeOf(one) * (topK ?? one.topK));
  const fixed = count.total - count.sparseMemory - sumOf(moes, (one) => sizeOf(one) * one.routedExperts) + chosen;
  const sparse = total - fixed;
  if (sparse < 0) {
    refusePlan(`what is neither idle expert nor table has ${fixed} parameters; raise the total budget ${total}`);
  }

  const nearest = Math.round((rho * sparse) / oneEach);
  const idleEach = moes.length === 0 ? 0 : nearest * oneEach > sparse ? nearest - 1 : nearest;
  const experts = moes.map((one) => withIdleExperts(one, topK ?? one.topK, idleEach));
  const withExperts = sized(template, experts, memory);
  if (memory === undefined) return parseModelSpec(withExperts, options);
  // whole experts miss their share by a little; memory takes the rest, so that the total holds
  const counted = countParameters(withExperts, options);
  const rest = total - (counted.total - counted.sparseMemory);
  return parseModelSpec(sized(template, experts, withValues(memory, rest)), options);
}

/** The top-k whose activated parameters come closest. */
function chooseTopK(activated: number, common: number, oneEach: number): number {
  if (oneEach === 0)
    refusePlan("the model has no experts, so what a token uses is fixed; leave out the activated budget");
  const topK = Math.round((activated - common) / oneEach);
  if (topK >= 1) return topK;
  return refusePlan(
    `the model activates ${common} parameters without any routed expert, and one in each block takes ${oneEach} more; raise the activated budget ${activated}`,
  );
}

/** So many idle experts beside the chosen ones, in whole groups, and enough that the router finds top-k of them. */
function withIdleExperts(moe: MoeSpec, topK: number, idle: number): MoeSpec {
  const wanted = Math.round((topK + idle) / moe.groups);
  const least = Math.ceil(topK / moe.topGroups);
  return { ...moe, topK, routedExperts: Math.max(wanted, least) * moe.groups };
}

/** The template with other experts, in the order of its blocks that have some, and other tables or none. */
function sized(template: ModelSpec, moes: readonly MoeSpec[], memory: MemorySpec | undefined): ModelSpec {
  const { memory: _memory, description: _description, name, blocks, ...rest } = template;
  const left = [...moes];
  return {
    ...rest,
    ...(name === undefined ? {} : { name: `${name}-budget` }),
    ...(memory === undefined ? {} : { memory }),
    blocks: blocks.map(({ engram, attention, feedForward }): BlockSpec => {
      const own = (feedForward.kind === "moe" ? left.shift() : undefined) ?? feedForward;
      const parts = { attention, feedForward: own };
      return engram === undefined || memory === undefined ? parts : { engram, ...parts };
    }),
  };
}

/** The same tables with `values` values in all, their sizes in proportion. */
function withValues(memory: MemorySpec, values: number): MemorySpec {
  const { addressing, encoding } = memory;
  const { tableSizes, layers, headsPerOrder } = addressing;
  const rows = values / encoding.width;
  const present = layers.length * headsPerOrder * tableSizes.reduce((sum, size) => sum + size, 0);
  const sizes = tableSizes.map((size) => Math.floor((size * rows) / present));
  if (sizes.some((size) => size < 2)) {
    refusePlan(
      `memory gets ${Math.floor(rows)} rows for ${layers.length * rowsPerToken(memory)} heads; lower rho or raise the total budget`,
    );
  }
  return { encoding, addressing: { ...addressing, tableSizes: sizes } };
}

function sumOf(moes: readonly MoeSpec[], value: (one: MoeSpec) => number): number {
  return moes.reduce((sum, one) => sum + value(one), 0);
}

function checkBudget({ total, activated, rho }: Budget): void {
  if (!(Number.isFinite(total) && total > 0)) refusePlan(`the total budget is ${String(total)}; use a number above 0`);
  if (activated !== undefined && !(activated > 0 && activated <= total)) {
    refusePlan(`the activated budget is ${String(activated)}; use a number above 0, up to the total ${total}`);
  }
  if (!(rho >= 0 && rho <= 1)) refusePlan(`rho is ${String(rho)}; use a share from 0 to 1`);
}
