// Models that cost the same and differ in where their sparse parameters lie (the paper's section 3): the share rho in
// experts, the rest in a table. Total parameters are equal because the table takes what fewer experts leave; activated
// parameters, and with them the operations of a token, because the dense block is narrower by what the engram's projections
// take. Not here: the count, which is core's.

import { countParameters, type ModelSpec } from "@engram-ts/core";
import type { ExperimentVocabulary } from "../experiment.js";
import { experimentModel, type ModelSizes, type TableSizes } from "./experiment-model.js";

/** A budget: the model without a table, and what its table is like where it has one. */
export interface AllocationBudget {
  readonly name: string;
  readonly sizes: ModelSizes;
  /** All but the slots, which follow from rho. */
  readonly tables: Omit<TableSizes, "slots">;
}

/** The least slots of a head: fewer are no table. */
const LEAST_SLOTS = 2;
const MOST_TRIES = 8;

/**
 * The model of a budget whose experts have the share `rho` of all sparse parameters.
 * @throws RangeError where the budget leaves no room for the table or its projections.
 */
export function allocatedModel(budget: AllocationBudget, rho: number, vocabulary: ExperimentVocabulary): ModelSpec {
  const { sizes, tables, name } = budget;
  const whole = experimentModel(`${name}-moe`, sizes, undefined, vocabulary);
  if (rho === 1) return whole;
  const goal = countParameters(whole);
  const idle = sizes.experts - sizes.topK;
  const experts = sizes.topK + Math.round(rho * idle);
  const tableOf = (slots: number): TableSizes => ({ ...tables, slots });
  const model = (denseWidth: number, slots: number) =>
    experimentModel(`${name}-rho${rho}`, { ...sizes, experts, denseWidth }, tableOf(slots), vocabulary);
  // each hidden value of the dense block is three vectors
  const over = countParameters(model(sizes.denseWidth, LEAST_SLOTS)).activated - goal.activated;
  const denseWidth = sizes.denseWidth - Math.round(over / (3 * sizes.width));
  if (denseWidth < 1) throw new RangeError(`${name}: the dense block cannot pay for the engram's projections`);
  const heads = tables.blocks.length * (tables.maxOrder - 1) * tables.headsPerOrder;
  const total = (slots: number) => countParameters(model(denseWidth, slots)).total;
  // heads have primes above the slots, all different: the rows are a few more than slots times heads
  let slots = LEAST_SLOTS;
  for (let over = total(slots) - goal.total, tried = 0; tried < MOST_TRIES; tried++) {
    const step = Math.round(-over / tables.rowWidth / heads);
    if (step === 0) break;
    slots += step;
    if (slots < LEAST_SLOTS) throw new RangeError(`${name}: at rho ${rho} nothing is left for a table`);
    over = total(slots) - goal.total;
  }
  return model(denseWidth, slots);
}
