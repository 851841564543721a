// A report with every plot's figures, made up from a seed, for the tests of what is made of reports.

import { DEFAULT_PRICES } from "../src/report/prices.js";
import type { BenchReport, CellReport, ContestantReport } from "../src/report/report.js";
import { seeded } from "../src/statistics/seeded.js";

/** How a made-up report differs from another. */
export interface MadeUpOptions {
  readonly seed?: number;
  /** Factor on the times of a tier. */
  readonly slower?: Readonly<Record<string, number>>;
  /** Factor on all times, as of a machine that is slower altogether. */
  readonly machine?: number;
  /** Share by which rounds differ. */
  readonly noise?: number;
  /** Peers besides the loop. */
  readonly peers?: number;
}

const TIMES: Readonly<Record<string, number>> = {
  dram: 100,
  file: 300,
  lmdb: 800,
  "dram cache > file": 500,
  "JS loop": 400,
};

/** The report. */
export function madeUpReport(options: MadeUpOptions = {}): BenchReport {
  const { seed = 1, slower = {}, machine = 1, noise = 0.05, peers = 0 } = options;
  const others = Array.from({ length: peers }, (_, i) => `peer ${i + 1}`);
  const random = seeded(seed);
  const contestant = (name: string, count: number, calls: number, state: string): ContestantReport => {
    const ns =
      (TIMES[name] ?? 200 + 90 * others.indexOf(name)) *
      (slower[name] ?? 1) *
      machine *
      (state === "cold" ? 50 : 1) *
      (1 + 40 / count);
    const round = () => ns * count * calls * (1 + noise * (2 * random() - 1));
    const us = (ns * count) / 1_000;
    return {
      name,
      kind: name === "JS loop" || others.includes(name) ? "peer" : "tier",
      version: "Node 20",
      ns: Array.from({ length: 5 }, () => Array.from({ length: 4 }, round)),
      cpuNs: Array.from({ length: 5 }, () => Array.from({ length: 4 }, round)),
      nsPerUnit: ns,
      latency: {
        offeredPerSecond: 1e6 / us / 2,
        requests: 2_000,
        p50: us,
        p99: 3 * us,
        p999: 9 * us,
        max: 20 * us,
        curve: [0, 0.5, 0.9, 0.99, 0.999].map((share, i) => [share, us * (1 + i * i)] as const),
      },
      ...(state === "cold" ? { residentShare: 0.01 } : {}),
    };
  };
  const cell = (access: string, state: string, sequences: number, rows: number): CellReport => {
    const count = (access === "prefill" ? 2_048 : 1) * sequences * 24;
    const names = state === "hot" ? [...Object.keys(TIMES), ...others] : ["file", "lmdb", "JS loop"];
    return {
      id: `tiers/${access}/${state}/deepseek-v4.1-flash/${rows}/${sequences}`,
      suite: "tiers",
      title: `${access}, ${sequences} sequences, ${state}`,
      labels: { access, state, sequences, preset: "deepseek-v4.1-flash", rowBytes: 264, rows, rowsPerToken: 24, count },
      unit: "row",
      unitsPerCall: count,
      callsPerRound: 10,
      baseline: "JS loop",
      checked: "made up",
      cacheState: "made up",
      contestants: names.map((name) => contestant(name, count, 10, state)),
    };
  };
  const operation: CellReport = {
    ...cell("decode", "hot", 1, 1_000),
    id: "compute/linear",
    suite: "compute",
    unit: "call",
    labels: {},
  };
  return {
    format: "engram-bench",
    version: 1,
    started: "2026-11-21T00:00:00.000Z",
    seconds: 10,
    command: ["all"],
    machine: {
      cpu: "made up",
      cores: 2,
      memoryBytes: 2 ** 34,
      freeBytes: 2 ** 33,
      platform: "linux x64",
      node: "v20.20.2",
      disk: {
        device: "vda",
        model: "made up",
        fileSystem: "ext4",
        readAheadKb: 128,
        scheduler: "none",
        rotates: false,
        freeBytes: 2 ** 36,
      },
    },
    traces: [],
    prices: DEFAULT_PRICES,
    cells: [
      cell("decode", "hot", 1, 2 ** 20),
      cell("decode", "hot", 16, 2 ** 20),
      cell("prefill", "hot", 1, 2 ** 20),
      cell("decode", "cold", 1, 2 ** 20),
      cell("decode", "hot", 1, 2 ** 15),
      operation,
    ],
    curves: [
      {
        id: "cache/deepseek-v4.1-flash",
        suite: "cache",
        title: "Hit ratio against cache bytes",
        x: { label: "bytes of the cache", scale: "log" },
        y: { label: "share of rows", scale: "linear" },
        lines: [
          { name: "English", points: [16, 20, 24].map((power, i) => [2 ** power, 0.1 + i / 5] as const) },
          { name: "ids at random", points: [16, 20, 24].map((power) => [2 ** power, 0] as const) },
        ],
        note: "made up <&>",
      },
    ],
    leftOut: [{ what: "s3", why: "made up" }],
  };
}
