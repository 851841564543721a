// What a plan is made for: how many sequences, how long, how weights are stored; and the machine: a device that computes
// and the tiers that rows can lie on. Plain numbers with defaults, and their check. The defaults are round figures for
// planning, from data sheets and from this project's measurements; measure your own machine and pass its figures.

import { EngramError } from "../errors.js";

/** What runs. */
export interface Workload {
  /** Sequences that are decoded together, each one token a step. */
  readonly sequences: number;
  /** Earlier tokens of each sequence in a decode step. */
  readonly contextTokens: number;
  /** Tokens of one prefill. */
  readonly prefillTokens: number;
  /** Bytes of one weight on the device. */
  readonly weightBytes: number;
  /** Bytes of one value of the attention state. */
  readonly stateBytes: number;
}

/** One sequence, 4096 tokens, bf16. */
export const DEFAULT_WORKLOAD: Workload = {
  sequences: 1,
  contextTokens: 4096,
  prefillTokens: 4096,
  weightBytes: 2,
  stateBytes: 2,
};

/** What computes, and holds all weights but tables. */
export interface DeviceSpec {
  readonly name: string;
  readonly bytes: number;
  /** What products reach, not what the data sheet promises. */
  readonly flopsPerSecond: number;
  /** What reading weights reaches. */
  readonly bytesPerSecond: number;
}

/** Where a table can lie. Bringing R rows to the device takes latency + R * max(1 / rowsPerSecond, bytes / bytesPerSecond). */
export interface TierSpec {
  readonly name: string;
  /** Space for tables; `null` for as much as one likes. */
  readonly bytes: number | null;
  /** From asking for rows to the first of them. */
  readonly latencySeconds: number;
  readonly rowsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Least bytes moved for one row: a page of a disk. */
  readonly readBytes: number;
}

/** A device and its tiers, fastest first; the device itself is the first tier and not in the list. */
export interface MachineSpec {
  readonly device: DeviceSpec;
  readonly tiers: readonly TierSpec[];
  /** How many times over the rows of a step must arrive in time: latencies have tails. */
  readonly safetyFactor: number;
}

/**
 * An 80 GiB GPU of the H100's class at 40 % of its bf16 products and 70 % of its bandwidth; memory as the WebAssembly
 * gather reads it, behind a PCIe copy; one data-centre NVMe read through threads; an S3-like store with 256 requests in
 * flight of 30 ms.
 */
export const DEFAULT_MACHINE: MachineSpec = {
  device: { name: "gpu", bytes: 80 * 2 ** 30, flopsPerSecond: 4e14, bytesPerSecond: 2.3e12 },
  tiers: [
    {
      name: "ram",
      bytes: 256 * 2 ** 30,
      latencySeconds: 25e-6,
      rowsPerSecond: 12e6,
      bytesPerSecond: 2e10,
      readBytes: 64,
    },
    {
      name: "disk",
      bytes: 2 * 2 ** 40,
      latencySeconds: 200e-6,
      rowsPerSecond: 100_000,
      bytesPerSecond: 3e9,
      readBytes: 4096,
    },
    {
      name: "object store",
      bytes: null,
      latencySeconds: 30e-3,
      rowsPerSecond: 8000,
      bytesPerSecond: 1e9,
      readBytes: 1,
    },
  ],
  safetyFactor: 2,
};

/**
 * Fills in what is left out of a workload.
 * @throws EngramError `invalid-argument` naming the number that is out of range.
 */
export function workloadFrom(given: Partial<Workload>): Workload {
  const workload = { ...DEFAULT_WORKLOAD, ...given };
  whole("sequences", workload.sequences, 1, 2 ** 20);
  whole("contextTokens", workload.contextTokens, 0, 2 ** 27);
  whole("prefillTokens", workload.prefillTokens, 1, 2 ** 27);
  positive("weightBytes", workload.weightBytes);
  positive("stateBytes", workload.stateBytes);
  return workload;
}

/** @throws EngramError `invalid-argument` naming the number of the machine that is out of range. */
export function checkMachine({ device, tiers, safetyFactor }: MachineSpec): void {
  for (const field of ["bytes", "flopsPerSecond", "bytesPerSecond"] as const) {
    positive(`machine.device.${field}`, device[field]);
  }
  tiers.forEach((tier, i) => {
    const at = `machine.tiers[${i}]`;
    if (tier.bytes !== null && tier.bytes !== 0) positive(`${at}.bytes`, tier.bytes); // 0: not there
    for (const field of ["rowsPerSecond", "bytesPerSecond", "readBytes"] as const)
      positive(`${at}.${field}`, tier[field]);
    if (tier.latencySeconds !== 0) positive(`${at}.latencySeconds`, tier.latencySeconds);
    const same = [device, ...tiers.slice(0, i)].some((one) => one.name === tier.name);
    if (same) refusePlan(`${at}.name is ${JSON.stringify(tier.name)}, as another's; give each tier its own name`);
  });
  positive("machine.safetyFactor", safetyFactor);
}

/** @throws EngramError `invalid-argument`. */
export function positive(name: string, value: number): void {
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return;
  refusePlan(`${name} is ${String(value)}; use a number above 0`);
}

function whole(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  refusePlan(`${name} is ${String(value)}; use a whole number from ${least} to ${most}`);
}

/** @throws EngramError `invalid-argument`, always. */
export function refusePlan(message: string): never {
  throw new EngramError({ code: "invalid-argument", operation: "plan", message });
}
