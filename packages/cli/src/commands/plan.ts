// `engram plan`: what a model has, what a token costs, what its tables weigh and where they can lie. Reads a preset or a
// specification in JSON; with a budget it first chooses experts and table sizes. What it prints is in plan-text.ts.

import {
  BEST_RHO,
  byteSize,
  DEFAULT_MACHINE,
  EngramError,
  type MachineSpec,
  MEMORY_PRESETS,
  type MemoryPresetName,
  MODEL_PRESETS,
  type ModelPresetName,
  type ModelSpec,
  modelPreset,
  type PlanOptions,
  parseModelSpec,
  planModel,
  planTables,
  shortModelSpec,
  specForBudget,
} from "@engram-ts/core";
import { Command, InvalidArgumentError } from "commander";
import { writeResult } from "../command-output.js";
import { readJsonFile } from "../input-file.js";
import { modelPlanText, tablesPlanText } from "./plan-text.js";

const SPEC_LIMIT_BYTES = 2 ** 20;

interface PlanCommandOptions {
  budget?: { total: number; activated?: number };
  rho?: number;
  gpu: number;
  ram: number;
  disk: number;
  objectStore: boolean;
  sequences?: number;
  context?: number;
  prefill?: number;
  prefillWaitMs?: number;
  tokensPerSecond?: number;
  blocks?: number;
  json?: boolean;
}

const { device, tiers } = DEFAULT_MACHINE;
const defaultBytes = (name: string) => tiers.find((tier) => tier.name === name)?.bytes ?? 0;

/** The command `plan`. */
export function planCommand(): Command {
  const names = [...Object.keys(MODEL_PRESETS), ...Object.keys(MEMORY_PRESETS)];
  return new Command("plan")
    .description("Parameters, cost of a token, table sizes, and a placement of the tables on a machine.")
    .argument("<model>", `a model specification in JSON, or one of ${names.join(", ")}`)
    .option(
      "--budget <total[/activated]>",
      "sizes experts and tables for so many parameters: 26.7B or 26.7B/3.8B",
      budget,
    )
    .option("--rho <share>", `the experts' share of the sparse parameters of --budget (default: ${BEST_RHO})`, number)
    .option("--gpu <bytes>", "memory of the device that computes", size, device.bytes)
    .option("--ram <bytes>", "memory for tables", size, defaultBytes("ram"))
    .option("--disk <bytes>", "disk for tables", size, defaultBytes("disk"))
    .option("--no-object-store", "there is no object store")
    .option("--sequences <count>", "sequences decoded together (default: 1)", number)
    .option("--context <tokens>", "tokens before each decoded one (default: 4096)", number)
    .option("--prefill <tokens>", "tokens of a prefill (default: 4096)", number)
    .option("--prefill-wait-ms <time>", "longest that a prefill may wait for a table (default: any)", number)
    .option("--tokens-per-second <speed>", "measured decode speed of one sequence, in place of the estimate", number)
    .option(
      "--blocks <count>",
      "for tables without a model: its blocks; with --tokens-per-second they are placed",
      number,
    )
    .option("--json", "one JSON object: model, plan")
    .addHelpText(
      "after",
      `
Sizes may be written as 80GiB or 2TB, and 0 where there is none. Speeds of the machine are round figures of a GPU of the
H100's class, an NVMe disk and an object store; in code, planModel takes your own.

Examples:
  engram plan engram-27b
  engram plan engram-27b --budget 40B --rho 0.75 --ram 64GiB
  engram plan deepseek-v4.1-flash --blocks 40 --tokens-per-second 50`,
    )
    .action((model: string, options: PlanCommandOptions) => runPlan(model, options));
}

async function runPlan(model: string, options: PlanCommandOptions): Promise<void> {
  const asJson = options.json === true;
  const machine = machineOf(options);
  const { sequences, context, prefill, prefillWaitMs, tokensPerSecond, blocks } = options;
  const common: PlanOptions = {
    machine,
    workload: {
      ...(sequences !== undefined && { sequences }),
      ...(context !== undefined && { contextTokens: context }),
      ...(prefill !== undefined && { prefillTokens: prefill }),
    },
    ...(tokensPerSecond !== undefined && { tokensPerSecond }),
    ...(prefillWaitMs !== undefined && { prefillWaitSeconds: prefillWaitMs / 1000 }),
  };
  if (isMemoryPreset(model)) {
    if (options.budget !== undefined) refuse("--budget", `${model} is tables without a model; name a model`);
    const memory = MEMORY_PRESETS[model];
    const plan = planTables(memory, { ...common, ...(blocks !== undefined && { blocks }) });
    await writeResult(asJson, { model: memory, plan }, () => tablesPlanText(model, plan));
    checkPlaced(
      (plan.placement ?? []).filter(({ tier }) => tier === null).map(({ layer, why }) => `block ${layer}: ${why}`),
    );
    return;
  }
  if (blocks !== undefined) refuse("--blocks", "a model specification says how many blocks it has; leave it out");
  const template = isModelPreset(model)
    ? modelPreset(model)
    : parseModelSpec(await readJsonFile(model, SPEC_LIMIT_BYTES, "engram plan"));
  const spec = options.budget === undefined ? template : budgeted(template, options.budget, options.rho ?? BEST_RHO);
  if (options.budget === undefined && options.rho !== undefined)
    refuse("--rho", "it splits a budget; add --budget 26.7B");
  const plan = planModel(spec, common);
  await writeResult(asJson, { model: shortModelSpec(spec), plan }, () => modelPlanText(spec, plan));
  checkPlaced(plan.placement.problems);
}

function budgeted(template: ModelSpec, { total, activated }: { total: number; activated?: number }, rho: number) {
  return specForBudget(template, { total, rho, ...(activated !== undefined && { activated }) });
}

function machineOf({ gpu, ram, disk, objectStore }: PlanCommandOptions): MachineSpec {
  const bytes: Readonly<Record<string, number>> = { ram, disk };
  return {
    ...DEFAULT_MACHINE,
    device: { ...device, bytes: gpu },
    tiers: tiers
      .map((tier) => ({ ...tier, bytes: bytes[tier.name] ?? tier.bytes }))
      .filter((tier) => (tier.bytes === null ? objectStore : tier.bytes > 0)),
  };
}

/** The plan is written already; the exit code says that it cannot be done. */
function checkPlaced(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new EngramError({
    code: "no-placement",
    operation: "engram plan",
    message: `this machine cannot take the model: ${problems.join("; ")}`,
    context: { problems },
  });
}

function isModelPreset(name: string): name is ModelPresetName {
  return Object.hasOwn(MODEL_PRESETS, name);
}

function isMemoryPreset(name: string): name is MemoryPresetName {
  return Object.hasOwn(MEMORY_PRESETS, name);
}

function refuse(operation: string, message: string): never {
  throw new EngramError({ code: "invalid-argument", operation, message });
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("use a number.");
  return value;
}

function size(text: string): number {
  const bytes = text === "0" ? 0 : byteSize(text);
  if (bytes === undefined) throw new InvalidArgumentError("use a size such as 80GiB, or 0.");
  return bytes;
}

const COUNT_UNITS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 };

function budget(text: string): { total: number; activated?: number } {
  const [total = 0, activated, ...more] = text.split("/").map((part) => {
    const [, digits, unit = ""] = /^(\d{1,15}(?:\.\d{1,9})?)([KMBT]?)$/.exec(part.trim()) ?? [];
    const value = Number(digits) * (COUNT_UNITS[unit] ?? Number.NaN);
    if (!(value > 0)) throw new InvalidArgumentError("use parameters such as 26.7B or 26.7B/3.8B.");
    return value;
  });
  if (more.length > 0) throw new InvalidArgumentError("use at most two counts: 26.7B/3.8B.");
  return activated === undefined ? { total } : { total, activated };
}
