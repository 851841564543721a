// What is to be said of two reports of the same cells, such as before and after a change: for each contestant of each cell
// a ratio of times with its interval, and a verdict. Where both runs measured the same peer in the same cell, each run's
// times are taken in times of that peer, so that a machine that was slower altogether does not count.

import { type RatioInterval, type Series, unpairedRatio } from "../statistics/paired-ratio.js";
import { VERDICT_LEVEL, type Verdict, type VerdictRule, verdictOf } from "../statistics/verdict.js";
import type { BenchReport, CellReport, ContestantReport } from "./report.js";

/** One contestant of one cell, in both reports. */
export interface ComparedContestant {
  readonly cell: string;
  readonly title: string;
  readonly name: string;
  /** Time after in times of before; above 1 takes longer now. */
  readonly change: RatioInterval;
  readonly verdict: Verdict;
  /** The peer by whose times both runs were measured; undefined where raw times are compared. */
  readonly yardstick?: string;
}

/** Two reports compared. */
export interface Comparison {
  readonly compared: readonly ComparedContestant[];
  /** Cells that only one report has, and contestants of cells that both have. */
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
  /** What differs between the runs besides what is measured. */
  readonly notes: readonly string[];
}

/** Compares reports. Peers and limits are yardsticks, and not judged. */
export function compareReports(before: BenchReport, after: BenchReport, rule: VerdictRule = {}): Comparison {
  const compared: ComparedContestant[] = [];
  const later = new Map(after.cells.map((cell) => [cell.id, cell]));
  const only = (one: BenchReport, other: BenchReport) => {
    const cells = new Set(other.cells.map(({ id }) => id));
    const known = new Set(keysOf(other));
    return [
      ...one.cells.filter(({ id }) => !cells.has(id)).map(({ id }) => id),
      ...keysOf({ ...one, cells: one.cells.filter(({ id }) => cells.has(id)) }).filter((key) => !known.has(key)),
    ];
  };
  for (const cell of before.cells) {
    const now = later.get(cell.id);
    if (now === undefined) continue;
    for (const own of cell.contestants) {
      const same = now.contestants.find(({ name }) => name === own.name);
      if (same === undefined || own.kind !== "tier") continue;
      compared.push(compareContestants(cell, own, now, same, rule));
    }
  }
  return {
    compared,
    onlyBefore: only(before, after),
    onlyAfter: only(after, before),
    notes: differences(before, after),
  };
}

function compareContestants(
  cell: CellReport,
  own: ContestantReport,
  now: CellReport,
  same: ContestantReport,
  rule: VerdictRule,
): ComparedContestant {
  const yardstick = cell.contestants.find(
    (one) => one.kind !== "tier" && one.name === cell.baseline && now.contestants.some(({ name }) => name === one.name),
  );
  const later = now.contestants.find(({ name }) => name === yardstick?.name);
  const [above, below] =
    yardstick === undefined || later === undefined
      ? [perCall(same.ns, now), perCall(own.ns, cell)]
      : [relative(same.ns, later.ns), relative(own.ns, yardstick.ns)];
  const change = unpairedRatio(above, below);
  return {
    cell: cell.id,
    title: cell.title,
    name: own.name,
    change,
    verdict: verdictOf(unpairedRatio(above, below, VERDICT_LEVEL), rule),
    ...(yardstick === undefined ? {} : { yardstick: yardstick.name }),
  };
}

/** Rounds of the two runs may have had other numbers of calls. */
function perCall(series: Series, { callsPerRound }: CellReport): number[][] {
  return series.map((rounds) => rounds.map((ns) => ns / callsPerRound));
}

/** Each round in times of the yardstick's round beside it. */
function relative(series: Series, yardstick: Series): number[][] {
  return series.map((rounds, process) =>
    rounds.flatMap((ns, round) => {
      const beside = yardstick[process]?.[round];
      return beside === undefined ? [] : [ns / beside];
    }),
  );
}

function keysOf({ cells }: BenchReport): string[] {
  return cells.flatMap(({ id, contestants }) => contestants.map(({ name }) => `${id}: ${name}`));
}

function differences(before: BenchReport, after: BenchReport): string[] {
  const notes: string[] = [];
  const differ = (what: string, a: unknown, b: unknown) => {
    if (JSON.stringify(a) !== JSON.stringify(b))
      notes.push(`${what} differs: ${JSON.stringify(a)}, ${JSON.stringify(b)}`);
  };
  const [one, other] = [before.machine, after.machine];
  differ("the processor", one.cpu, other.cpu);
  differ("the number of cores", one.cores, other.cores);
  differ("Node", one.node, other.node);
  differ("the disk", one.disk?.model, other.disk?.model);
  differ("read-ahead (KiB)", one.disk?.readAheadKb, other.disk?.readAheadKb);
  const traces = ({ traces: cards }: BenchReport) => cards.map(({ sha256 }) => sha256.slice(0, 12));
  differ("the trace", traces(before), traces(after));
  return notes;
}
