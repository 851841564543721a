// What was measured of a cell, as its part of the report: medians, ratios to the baseline, verdicts.

import type { CellReport, ContestantKind, ContestantReport } from "../report/report.js";
import type { OpenLoopLatency } from "../statistics/arrivals.js";
import { pairedRatio } from "../statistics/paired-ratio.js";
import { median } from "../statistics/quantiles.js";
import { verdictOf } from "../statistics/verdict.js";
import type { CellPlan } from "./cell-plan.js";

/** A contestant's raw figures while a cell runs. */
export interface MeasuredContestant {
  readonly name: string;
  readonly kind: ContestantKind;
  readonly version: string;
  readonly ns: number[][];
  readonly cpuNs: number[][];
  latency?: OpenLoopLatency;
  hits?: Readonly<Record<string, number>>;
  /** Cold: the greatest share of its files that the system still held when a round began. */
  residentShare?: number;
}

/** The report of a cell. */
export function cellReport(plan: CellPlan, calls: number, measured: readonly MeasuredContestant[]): CellReport {
  const place = (name: string) => plan.contestants.findIndex((one) => one.name === name);
  const ordered = measured.toSorted((a, b) => place(a.name) - place(b.name));
  const baseline = ordered.find(({ name }) => name === plan.baseline) ?? ordered[0];
  const resident = ordered.map(({ residentShare }) => residentShare ?? 0);
  const held = plan.state === "cold" ? `; at most ${(Math.max(0, ...resident) * 100).toFixed(1)} % still held` : "";
  const { id, suite, title, labels, unit, unitsPerCall, checked } = plan;
  return {
    id,
    suite,
    title,
    labels,
    unit,
    unitsPerCall,
    callsPerRound: calls,
    baseline: baseline?.name ?? "",
    checked,
    cacheState: `${plan.cacheState}${held}`,
    contestants: ordered.map((one) => contestantReport(one, unitsPerCall * calls, baseline)),
  };
}

function contestantReport(
  { name, kind, version, ns, cpuNs, latency, hits, residentShare }: MeasuredContestant,
  units: number,
  baseline: MeasuredContestant | undefined,
): ContestantReport {
  const against = baseline === undefined || baseline.name === name ? undefined : pairedRatio(ns, baseline.ns);
  return {
    name,
    kind,
    version,
    ns: ns.map((rounds) => rounds ?? []),
    ...(cpuNs.length === 0 ? {} : { cpuNs }),
    nsPerUnit: median(ns.map(median)) / units,
    ...(against === undefined
      ? {}
      : { againstBaseline: { ...against, verdict: verdictOf(against, { count: "rounds" }) } }),
    ...(latency === undefined ? {} : { latency }),
    ...(residentShare === undefined ? {} : { residentShare }),
    ...(hits === undefined ? {} : { hits: shares(hits) }),
  };
}

function shares(hits: Readonly<Record<string, number>>): Record<string, number> {
  const total = Object.values(hits).reduce((sum, one) => sum + one, 0);
  return Object.fromEntries(Object.entries(hits).map(([tier, rows]) => [tier, total === 0 ? 0 : rows / total]));
}
