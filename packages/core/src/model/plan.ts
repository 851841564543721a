// The plan of a model: counts, cost of a token, tables, and where they can lie on a machine. Plain data, for people to
// read and programs to use. Times are estimates from operations and bytes; `tokensPerSecond` puts a measured speed in
// their place. Choosing experts and table sizes for a budget comes before it: plan-budget.ts.

import type { BlockKindOptions } from "./block-kinds.js";
import type { MemorySpec, ModelSpec } from "./model-spec.js";
import { countParameters, type ParameterCount } from "./parameters-count.js";
import { type ModelCost, modelCost, type PhaseCost, type StepCost } from "./plan-cost.js";
import { type MemoryPlan, planMemory } from "./plan-memory.js";
import { placeTables, type Slack, type TablePlacement } from "./plan-placement.js";
import {
  checkMachine,
  DEFAULT_MACHINE,
  type DeviceSpec,
  type MachineSpec,
  positive,
  type Workload,
  workloadFrom,
} from "./plan-workload.js";

/** What a plan is made for. */
export interface PlanOptions extends BlockKindOptions {
  /** Default {@link DEFAULT_MACHINE}. */
  readonly machine?: MachineSpec;
  /** What is left out has its default of `DEFAULT_WORKLOAD`; the context is at most the model's. */
  readonly workload?: Partial<Workload>;
  /** Measured decode speed of one sequence: a step takes 1 / tokensPerSecond, shared among blocks as estimated. */
  readonly tokensPerSecond?: number;
  /** Longest that a prefill may wait for a table, 0 or more; any time where left out: decoding alone decides. */
  readonly prefillWaitSeconds?: number;
}

/** How a machine takes a model. */
export interface PlacementPlan {
  readonly device: DeviceSpec;
  /** Bytes left for tables on the device; below 0 where weights and state do not fit. */
  readonly deviceFreeBytes: number;
  readonly prefillSeconds: number;
  readonly decodeStepSeconds: number;
  /** Empty where the model has no memory. */
  readonly tables: readonly TablePlacement[];
  /** What cannot be done, and how to mend it; empty where all is well. */
  readonly problems: readonly string[];
}

/** See {@link planModel}. */
export interface ModelPlan {
  readonly name: string | null;
  readonly workload: Workload;
  readonly parameters: ParameterCount;
  readonly cost: ModelCost;
  readonly memory: MemoryPlan | null;
  readonly placement: PlacementPlan;
}

/** See {@link planTables}. */
export interface TablesPlan {
  readonly memory: MemoryPlan;
  /** `null` where no speed is given: without the model around them, nothing else says when rows are needed. */
  readonly placement: readonly TablePlacement[] | null;
}

/**
 * Plans a model.
 * @throws EngramError `invalid-argument` for a machine or a workload out of range. That a model does not fit is no
 * error: `placement.problems` says so.
 */
export function planModel(spec: ModelSpec, options: PlanOptions = {}): ModelPlan {
  const { machine = DEFAULT_MACHINE, tokensPerSecond, prefillWaitSeconds } = options;
  checkMachine(machine);
  if (tokensPerSecond !== undefined) positive("tokensPerSecond", tokensPerSecond);
  if (prefillWaitSeconds !== undefined && prefillWaitSeconds !== 0) positive("prefillWaitSeconds", prefillWaitSeconds);
  const given = workloadFrom(options.workload ?? {});
  const most = spec.contextTokens;
  const workload = {
    ...given,
    contextTokens: Math.min(given.contextTokens, most),
    prefillTokens: Math.min(given.prefillTokens, most),
  };
  const cost = modelCost(spec, workload, options);
  const memory = spec.memory === undefined ? null : planMemory(spec.memory);
  const deviceFreeBytes = machine.device.bytes - cost.weightBytes - cost.stateBytes;
  const decode = phaseTimes(cost.decode, machine.device);
  const prefill = phaseTimes(cost.prefill, machine.device);
  const speedUp = tokensPerSecond === undefined ? 1 : 1 / tokensPerSecond / decode.total;
  const slack = (times: PhaseTimes, tokens: number, factor: number): Slack => ({
    tokens,
    seconds: (memory?.tables ?? []).map(({ layer }) => (times.before[layer] ?? 0) * factor),
  });
  const tables =
    memory === null
      ? []
      : placeTables({
          memory,
          machine,
          deviceFreeBytes,
          decode: slack(decode, cost.decode.tokens, speedUp),
          prefill: slack(prefill, cost.prefill.tokens, 1),
          ...(prefillWaitSeconds !== undefined && { prefillWaitSeconds }),
        });
  return {
    name: spec.name ?? null,
    workload,
    parameters: countParameters(spec, options),
    cost,
    memory,
    placement: {
      device: machine.device,
      deviceFreeBytes,
      prefillSeconds: prefill.total,
      decodeStepSeconds: decode.total * speedUp,
      tables,
      problems: problems(cost, machine.device, deviceFreeBytes, tables),
    },
  };
}

/** What is known of the model around tables. */
export interface TablesPlanOptions extends Pick<PlanOptions, "machine" | "workload" | "tokensPerSecond"> {
  /** Blocks of the model, each taken to be as long as the others. */
  readonly blocks?: number;
}

/**
 * Plans tables without a model. They are placed where `tokensPerSecond` and `blocks` are given; the device is taken to
 * be full of weights.
 * @throws EngramError `invalid-argument` for a machine, a workload, a speed or blocks out of range.
 */
export function planTables(spec: MemorySpec, options: TablesPlanOptions = {}): TablesPlan {
  const { machine = DEFAULT_MACHINE, tokensPerSecond, blocks } = options;
  checkMachine(machine);
  const { sequences } = workloadFrom(options.workload ?? {});
  const memory = planMemory(spec);
  if (tokensPerSecond === undefined || blocks === undefined) return { memory, placement: null };
  positive("tokensPerSecond", tokensPerSecond);
  positive("blocks", blocks);
  const seconds = memory.tables.map(({ layer }) => Math.min(1, layer / blocks) / tokensPerSecond);
  const decode = { tokens: sequences, seconds };
  return { memory, placement: placeTables({ memory, machine, deviceFreeBytes: 0, decode }) };
}

interface PhaseTimes {
  readonly total: number;
  /** Until each block starts. */
  readonly before: readonly number[];
}

/** A block takes as long as its operations or its bytes, whichever take longer. */
function phaseTimes({ blocks, ends }: PhaseCost, device: DeviceSpec): PhaseTimes {
  const seconds = ({ flops, bytes }: StepCost) =>
    Math.max(flops / device.flopsPerSecond, bytes / device.bytesPerSecond);
  let at = 0;
  const before = blocks.map((block) => {
    const start = at;
    at += seconds(block);
    return start;
  });
  return { total: at + seconds(ends), before };
}

function problems(
  cost: ModelCost,
  device: DeviceSpec,
  freeBytes: number,
  tables: readonly TablePlacement[],
): readonly string[] {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const found: string[] = [];
  if (freeBytes < 0) {
    found.push(
      `${device.name} has ${gib(device.bytes)}; weights take ${gib(cost.weightBytes)} and state ${gib(cost.stateBytes)}: use a larger device, fewer bytes a weight, fewer sequences or a shorter context`,
    );
  }
  for (const { layer, tier, why } of tables) {
    if (tier === null) found.push(`the table of block ${layer} has no place: ${why}`);
  }
  return found;
}
