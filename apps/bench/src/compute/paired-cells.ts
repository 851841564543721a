// One cell of a comparison: contestants do the same work in turn, in alternating order, round after round; what comes out
// is each one's times and how many times as fast as a peer each is, with the interval of the paired ratios.

import { median } from "../statistics/quantiles.js";
import { pairedRatio, type Ratio } from "./median-ratio.js";

/** What a cell is about. */
export interface CellOptions {
  readonly name: string;
  /** Units (tokens, calls) that one run does. */
  readonly units: number;
  readonly unit: string;
  readonly rounds: number;
}

/** Nanoseconds of one run of the cell's work. */
export type Contestants = ReadonlyMap<string, () => Promise<number>>;

/** A measured cell. */
export interface CellReport extends CellOptions {
  /** Nanoseconds of each round. */
  readonly ns: Readonly<Record<string, readonly number[]>>;
  readonly unitsPerSecond: Readonly<Record<string, number>>;
  /** Contestant, then peer: how many times as fast the contestant is. */
  readonly timesAsFast: Readonly<Record<string, Readonly<Record<string, Ratio>>>>;
  /** Contestants that failed, and with what. */
  readonly failures?: Readonly<Record<string, string>>;
}

/** Runs a cell. Peers are the contestants whose names are given; a contestant that throws is left out with its message. */
export async function runCell(
  options: CellOptions,
  contestants: Contestants,
  peers: readonly string[],
): Promise<CellReport> {
  const ns: Record<string, number[]> = {};
  const failures: Record<string, string> = {};
  const alive = [...contestants];
  // the first round warms up and is not counted
  for (let round = 0; round <= options.rounds; round++) {
    for (const [name, run] of round % 2 === 0 ? [...alive] : alive.toReversed()) {
      try {
        const taken = await run();
        if (round > 0) ns[name] = [...(ns[name] ?? []), taken];
      } catch (error) {
        failures[name] = error instanceof Error ? error.message : String(error);
        delete ns[name];
        alive.splice(
          alive.findIndex(([one]) => one === name),
          1,
        );
      }
    }
  }
  const names = Object.keys(ns);
  const rate = (name: string) => (options.units * 1e9) / median(ns[name] ?? []);
  const against = (name: string) =>
    Object.fromEntries(
      peers
        .filter((peer) => peer !== name && names.includes(peer))
        .map((peer) => [peer, pairedRatio(ns[peer] ?? [], ns[name] ?? [])]),
    );
  return {
    ...options,
    ns,
    unitsPerSecond: Object.fromEntries(names.map((name) => [name, rate(name)])),
    timesAsFast: Object.fromEntries(names.filter((name) => !peers.includes(name)).map((name) => [name, against(name)])),
    ...(Object.keys(failures).length > 0 && { failures }),
  };
}

/** The cell as lines for people. */
export function cellLines({ name, unit, unitsPerSecond, timesAsFast, failures = {} }: CellReport): readonly string[] {
  const lines = [name];
  for (const [contestant, rate] of Object.entries(unitsPerSecond)) {
    const ratios = Object.entries(timesAsFast[contestant] ?? {}).map(
      ([peer, { median: middle, low, high }]) =>
        `${middle.toFixed(2)}x ${peer} (${low.toFixed(2)} to ${high.toFixed(2)})`,
    );
    lines.push(`  ${contestant.padEnd(26)} ${rounded(rate).padStart(10)} ${unit}/s  ${ratios.join(", ")}`);
  }
  for (const [contestant, failure] of Object.entries(failures)) lines.push(`  ${contestant}: FAILED: ${failure}`);
  return lines;
}

function rounded(rate: number): string {
  return rate < 100 ? rate.toFixed(2) : Math.round(rate).toLocaleString("en-US");
}
