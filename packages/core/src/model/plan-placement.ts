// On which tier each table can lie. Row ids follow from tokens, so rows are asked for when a step starts, and a module
// needs them when the blocks before its own have run: that is its slack. Each table goes to the slowest tier that brings
// a step's rows within the slack and has room, and does not make a prefill wait longer than it may; tables with the least slack choose first, for they have the least choice.

import type { MemoryPlan, MemoryTablePlan } from "./plan-memory.js";
import type { MachineSpec, TierSpec } from "./plan-workload.js";

/** How long each table's module leaves its rows, in the order of the tables. */
export interface Slack {
  /** Tokens of a decode step. */
  readonly tokens: number;
  readonly seconds: readonly number[];
}

/** What a placement works with. */
export interface PlacementOptions {
  readonly memory: MemoryPlan;
  readonly machine: MachineSpec;
  readonly decode: Slack;
  /** A prefill's; where it is known, waits are told. */
  readonly prefill?: Slack;
  /** Longest that a prefill may wait for a table; any time where left out. */
  readonly prefillWaitSeconds?: number;
  /** Bytes of the device that tables may use. */
  readonly deviceFreeBytes: number;
}

/** One tier, judged for one table. */
export interface TierVerdict {
  readonly tier: string;
  /** For the rows of a decode step; 0 on the device, where the forward reads them itself. */
  readonly fetchSeconds: number;
  readonly inTime: boolean;
  /** What a prefill waits for its rows beyond their slack; `null` where that is not known. */
  readonly prefillWaitSeconds: number | null;
  readonly waitAllowed: boolean;
  readonly hasRoom: boolean;
  /** Bytes that were left when this table's turn came; `null` for as much as one likes. */
  readonly freeBytes: number | null;
}

/** Where a table goes. */
export interface TablePlacement {
  readonly layer: number;
  readonly bytes: number;
  /** Time until a decode step's rows are needed. */
  readonly slackSeconds: number;
  /** Slowest first. */
  readonly verdicts: readonly TierVerdict[];
  /** `null`: no tier will do. */
  readonly tier: string | null;
  readonly why: string;
}

/** Chooses a tier for each table, in the order of the tables. */
export function placeTables(options: PlacementOptions): readonly TablePlacement[] {
  const { memory, machine, decode, deviceFreeBytes } = options;
  const free = new Map<string, number | null>([
    [machine.device.name, deviceFreeBytes],
    ...machine.tiers.map((tier) => [tier.name, tier.bytes] as const),
  ]);
  const order = memory.tables
    .map((table, index) => ({ table, index, slack: decode.seconds[index] ?? 0 }))
    .sort((a, b) => a.slack - b.slack || b.table.bytes - a.table.bytes);
  const placed: TablePlacement[] = [];
  for (const { table, index, slack } of order) {
    const verdicts = [...machine.tiers.toReversed(), undefined].map((tier) =>
      judge(tier, table, index, options, free.get(tier?.name ?? machine.device.name) ?? null),
    );
    const chosen = verdicts.find((verdict) => verdict.inTime && verdict.waitAllowed && verdict.hasRoom);
    if (chosen !== undefined && chosen.freeBytes !== null) free.set(chosen.tier, chosen.freeBytes - table.bytes);
    placed[index] = {
      layer: table.layer,
      bytes: table.bytes,
      slackSeconds: slack,
      verdicts,
      tier: chosen?.tier ?? null,
      why: explain(verdicts, chosen, table, slack, options),
    };
  }
  return placed;
}

/** Seconds for `rows` rows from a tier; none where the forward reads them on the device. */
function fetchSeconds(tier: TierSpec | undefined, rows: number, rowBytes: number): number {
  if (tier === undefined || rows === 0) return 0;
  const moved = Math.max(rowBytes, tier.readBytes);
  return tier.latencySeconds + rows * Math.max(1 / tier.rowsPerSecond, moved / tier.bytesPerSecond);
}

function judge(
  tier: TierSpec | undefined,
  table: MemoryTablePlan,
  index: number,
  { memory, machine, decode, prefill, prefillWaitSeconds }: PlacementOptions,
  freeBytes: number | null,
): TierVerdict {
  const { rowBytes, traffic } = memory;
  const fetch = ({ tokens }: Slack) => fetchSeconds(tier, tokens * traffic.rowsPerTokenAndTable, rowBytes);
  const seconds = fetch(decode);
  const wait = prefill && Math.max(0, fetch(prefill) - (prefill.seconds[index] ?? 0));
  return {
    tier: tier?.name ?? machine.device.name,
    fetchSeconds: seconds,
    inTime: tier === undefined || seconds * machine.safetyFactor <= (decode.seconds[index] ?? 0),
    prefillWaitSeconds: wait ?? null,
    waitAllowed: wait === undefined || prefillWaitSeconds === undefined || wait <= prefillWaitSeconds,
    hasRoom: freeBytes === null || table.bytes <= freeBytes,
    freeBytes,
  };
}

function explain(
  verdicts: readonly TierVerdict[],
  chosen: TierVerdict | undefined,
  table: MemoryTablePlan,
  slack: number,
  { machine, prefillWaitSeconds = 0 }: PlacementOptions,
): string {
  const factor = machine.safetyFactor === 1 ? "" : ` x ${machine.safetyFactor}`;
  const turnedDown = verdicts.slice(0, chosen === undefined ? verdicts.length : verdicts.indexOf(chosen)).map((one) => {
    if (!one.inTime) return `${one.tier} takes ${duration(one.fetchSeconds)}${factor} of ${duration(slack)}`;
    if (one.waitAllowed) return `${one.tier} has ${gibibytes(one.freeBytes ?? 0)} left for ${gibibytes(table.bytes)}`;
    return `${one.tier} makes a prefill wait ${duration(one.prefillWaitSeconds ?? 0)} of ${duration(prefillWaitSeconds)}`;
  });
  if (chosen === undefined) return `no tier will do: ${turnedDown.join("; ")}`;
  const fits =
    chosen.fetchSeconds === 0
      ? "its rows are read where the model runs"
      : `it takes ${duration(chosen.fetchSeconds)}${factor} of ${duration(slack)}`;
  return turnedDown.length === 0 ? `${fits}; no tier is slower` : `${fits}; ${turnedDown.join("; ")}`;
}

function duration(seconds: number): string {
  return seconds < 1e-3 ? `${(seconds * 1e6).toFixed(0)} us` : `${(seconds * 1e3).toFixed(1)} ms`;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
