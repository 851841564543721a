// The text of `engram plan`: Markdown tables of a plan's numbers.

import type { MemoryPlan, ModelPlan, ModelSpec, TablePlacement, TablesPlan } from "@engram-ts/core";
import { groupDigits } from "../command-output.js";
import { textTable } from "../text-table.js";

/** A model's plan. */
export function modelPlanText(spec: ModelSpec, plan: ModelPlan): string {
  const { parameters, placement } = plan;
  const title = [spec.name ?? "A model without a name", ...(spec.description === undefined ? [] : [spec.description])];
  const shape = `${spec.blocks.length} blocks, width ${groupDigits(spec.width)}, ${spec.streams.count} residual ${
    spec.streams.count === 1 ? "stream" : "streams"
  } (${spec.streams.kind}), vocabulary ${groupDigits(spec.vocabSize)}, context ${groupDigits(spec.contextTokens)}.`;
  const sparse = parameters.sparseExperts + parameters.sparseMemory;
  const rho =
    parameters.rho === null
      ? "No sparse parameters: every token uses all but the embedding."
      : `Sparsity: rho ${percent(parameters.rho)}; of ${short(sparse)} parameters that a token leaves idle, experts have ${short(parameters.sparseExperts)} and tables ${short(parameters.sparseMemory)}.`;
  return [
    ...title,
    shape,
    parametersTable(plan),
    rho,
    costTable(plan),
    ...(plan.memory === null ? ["No memory."] : memoryTexts(plan.memory)),
    `Weights take ${bytes(plan.cost.weightBytes)} and state ${bytes(plan.cost.stateBytes)} of ${bytes(placement.device.bytes)} on ${placement.device.name}; ${
      placement.deviceFreeBytes < 0 ? "they do not fit" : `${bytes(placement.deviceFreeBytes)} are left`
    }.`,
    ...(placement.tables.length === 0 ? [] : [placementTable(placement.tables)]),
  ].join("\n\n");
}

/** The plan of tables without a model. */
export function tablesPlanText(name: string, plan: TablesPlan): string {
  return [
    `${name}: tables without a model`,
    ...memoryTexts(plan.memory),
    plan.placement === null
      ? "Not placed: give --blocks and --tokens-per-second of the model around them, which say when rows are needed."
      : placementTable(plan.placement),
  ].join("\n\n");
}

function parametersTable({ parameters }: ModelPlan): string {
  const row = (name: string, total: number, activated: number) => [
    name,
    groupDigits(total),
    short(total),
    groupDigits(activated),
    short(activated),
  ];
  return textTable(
    ["parameters", "total", "", "activated", ""],
    [
      ...parameters.components.map((one) => row(one.component, one.total, one.activated)),
      row("all", parameters.total, parameters.activated),
    ],
    ["left", "right", "right", "right", "right"],
  );
}

function costTable({ cost, workload, placement }: ModelPlan): string {
  return textTable(
    [
      "one token",
      `prefill of ${groupDigits(workload.prefillTokens)}`,
      `decode, ${groupDigits(workload.sequences)} x ${groupDigits(workload.contextTokens)}`,
    ],
    [
      ["FLOPs", short(cost.prefill.flopsPerToken), short(cost.decode.flopsPerToken)],
      ["bytes of weights and state", bytes(cost.prefill.bytesPerToken), bytes(cost.decode.bytesPerToken)],
      ["estimated time of the step", seconds(placement.prefillSeconds), seconds(placement.decodeStepSeconds)],
    ],
    ["left", "right", "right"],
  );
}

function memoryTexts({
  tables,
  rows,
  values,
  bytes: all,
  encoding,
  rowBytes,
  encodings,
  traffic,
}: MemoryPlan): string[] {
  const table = textTable(
    ["table of block", "rows", "parameters", `bytes as ${encoding.kind}`],
    [
      ...tables.map((one) => [String(one.layer), groupDigits(one.rows), groupDigits(one.values), bytes(one.bytes)]),
      ["all", groupDigits(rows), `${groupDigits(values)} (${short(values)})`, bytes(all)],
    ],
    ["left", "right", "right", "right"],
  );
  const written = textTable(
    ["encoding", "bytes a row", "all tables"],
    encodings.map((one) => [one.kind, groupDigits(one.rowBytes), bytes(one.bytes)]),
    ["left", "right", "right"],
  );
  const read = `Each token reads ${traffic.rowsPerToken} rows of ${rowBytes} bytes, ${groupDigits(traffic.bytesPerToken)} bytes (${traffic.rowsPerTokenAndTable} rows a table); decoded to bf16 they are ${groupDigits(traffic.decodedBytesPerToken)} bytes.`;
  return [table, written, read];
}

function placementTable(tables: readonly TablePlacement[]): string {
  return textTable(
    ["table of block", "bytes", "rows needed after", "tier", "prefill waits", "why"],
    tables.map((one) => [
      String(one.layer),
      bytes(one.bytes),
      seconds(one.slackSeconds),
      one.tier ?? "none",
      prefillWait(one),
      one.why,
    ]),
    ["left", "right", "right", "left", "right", "left"],
  );
}

function prefillWait({ verdicts, tier }: TablePlacement): string {
  const wait = verdicts.find((one) => one.tier === tier)?.prefillWaitSeconds ?? null;
  return wait === null ? "" : seconds(wait);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function short(count: number): string {
  const units = ["", "K", "M", "B", "T", "P"];
  let value = count;
  let unit = 0;
  while (value >= 999.995 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? String(Math.round(value)) : `${value.toFixed(2)}${units[unit]}`;
}

function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = count;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${Math.round(value)} B` : `${value.toFixed(1)} ${units[unit]}`;
}

function seconds(time: number): string {
  if (time === 0) return "0";
  if (time < 1e-3) return `${(time * 1e6).toFixed(time < 1e-4 ? 1 : 0)} us`;
  return time < 1 ? `${(time * 1e3).toFixed(1)} ms` : `${time.toFixed(2)} s`;
}
