// The places where a preset's tables can lie, with what was measured of each: the cells of a report that say how fast rows
// come from there, and from a cache in front of it.

import { ADDRESSING_PRESETS, type AddressingPresetName, encodedRowBytes } from "@engram-ts/core";
import { presetTables } from "../plots/cost-plot.js";
import { byteCount } from "../report/numbers.js";
import type { Prices } from "../report/prices.js";
import type { BenchReport, CellReport, ContestantReport, CurveReport } from "../report/report.js";
import { median } from "../statistics/quantiles.js";

/** What a host has. */
export interface Host {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly cores: number;
}

/** What is asked. */
export interface Question {
  readonly preset: AddressingPresetName;
  readonly tokensPerSecond: number;
  readonly host: Host;
  readonly prices: Prices;
}

/** A measured figure behind an answer. */
export interface Evidence {
  /** The cell, or the curve. */
  readonly id: string;
  readonly what: string;
}

/** One placement, judged. */
export interface PlacementOption {
  readonly placement: string;
  /** Nanoseconds of a row at the greatest rate that was measured. */
  readonly nsPerRow: number;
  /** Tokens a second at that rate: of one core where rows are in memory, of the disk or store otherwise. */
  readonly greatestTokensPerSecond: number;
  /** Nanoseconds until all rows of one token of one sequence are there. */
  readonly nsPerToken: number;
  /** Cores that the target keeps busy with rows. */
  readonly cores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Meets the target on this host. */
  readonly meets: boolean;
  /** How many times as much of the scarcest it needs as there is; above 1 where it does not meet the target. */
  readonly shortfall: number;
  readonly why: string;
  /** A month at the target, and a million tokens. */
  readonly costOfMonth: number;
  readonly costOfMillionTokens: number;
  readonly evidence: readonly Evidence[];
}

const HOURS = 730;
/** Part of a host's memory that tables may take. */
const MEMORY_SHARE = 0.8;
/** What is planned with: part of the greatest rate. */
const RATE_SHARE = 0.7;
/** A cold cell whose files the system still held to a greater part says nothing of the disk. */
const COLD_SHARE = 0.1;

/** All placements that the report has figures for: those that meet the target first, cheapest first; then the nearest. */
export function placementOptions(report: BenchReport, question: Question): readonly PlacementOption[] {
  const { preset } = question;
  const bytes = presetTables(preset).gib * 2 ** 30;
  const hot = measured(report, preset, "dram", "hot");
  const options: PlacementOption[] = [];
  const add = (placement: string, place: Place) => options.push(judge(placement, place, question));
  if (hot !== undefined) add("all rows in memory", { ...hot, memoryBytes: bytes, diskBytes: 0, scales: true });
  for (const tier of ["file", "lmdb"] as const) {
    const warm = measured(report, preset, tier, "hot");
    const cold = measured(report, preset, tier, "cold");
    if (warm !== undefined) {
      add(`${tier}, all of it in the system's cache`, { ...warm, memoryBytes: bytes, diskBytes: bytes, scales: true });
    }
    if (cold === undefined) continue;
    add(`${tier}, read from the disk`, { ...cold, memoryBytes: 0, diskBytes: bytes });
    for (const { cacheBytes, ratio, evidence } of cachePoints(report, preset)) {
      if (hot === undefined) break;
      const mixed = mix(hot, cold, ratio);
      const name = `${tier} behind ${Math.round(cacheBytes / 2 ** 20)} MiB of memory`;
      add(name, { ...mixed, memoryBytes: cacheBytes, diskBytes: bytes, evidence: [...mixed.evidence, evidence] });
    }
  }
  const object = measured(report, preset, "s3", "cold");
  if (object !== undefined) add("object store", { ...object, memoryBytes: 0, diskBytes: 0, object: true });
  return options.toSorted(
    (a, b) =>
      Number(b.meets) - Number(a.meets) || (a.meets ? 0 : a.shortfall - b.shortfall) || a.costOfMonth - b.costOfMonth,
  );
}

/** What was measured of a tier in a state. */
interface Measured {
  /** Of a row, at the greatest rate. */
  readonly ns: number;
  /** Of a row where one token of one sequence is asked for. */
  readonly decodeNs: number;
  /** Processor time of a row. */
  readonly cpuNs: number;
  readonly evidence: readonly Evidence[];
}

interface Place extends Measured {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Every core brings as many rows again. */
  readonly scales?: boolean;
  readonly object?: boolean;
}

function judge(placement: string, place: Place, { preset, tokensPerSecond, host, prices }: Question): PlacementOption {
  const { rowsPerToken, modules, gib } = presetTables(preset);
  const rows = rowsPerToken * modules;
  const { ns, decodeNs, cpuNs, memoryBytes, diskBytes } = place;
  const greatest = 1e9 / (ns * rows);
  const cores = (tokensPerSecond * rows * cpuNs) / 1e9;
  const limit = greatest * RATE_SHARE * (place.scales ? host.cores : 1);
  const needs = [
    {
      times: memoryBytes / (host.memoryBytes * MEMORY_SHARE),
      why: `needs ${byteCount(memoryBytes / MEMORY_SHARE)} of memory`,
    },
    { times: diskBytes / host.diskBytes, why: `needs ${byteCount(diskBytes)} of disk` },
    { times: tokensPerSecond / limit, why: `brings ${limit.toFixed(0)} tokens/s at most` },
    { times: cores / host.cores, why: `rows would keep ${cores.toFixed(1)} cores busy` },
  ];
  const problems = needs.filter(({ times }) => times > 1).map(({ why }) => why);
  const reads = place.object ? (tokensPerSecond * 3_600 * HOURS * rows) / 1_000 : 0;
  const month =
    (memoryBytes / 2 ** 30) * prices.memoryGibMonth +
    (diskBytes / 2 ** 30) * prices.diskGibMonth +
    (place.object ? gib * prices.objectGibMonth + reads * prices.objectThousandReads : 0) +
    cores * prices.coreHour * HOURS;
  return {
    placement,
    nsPerRow: ns,
    greatestTokensPerSecond: greatest,
    nsPerToken: decodeNs * rows,
    cores,
    memoryBytes,
    diskBytes,
    meets: problems.length === 0,
    shortfall: Math.max(...needs.map(({ times }) => times)),
    why:
      problems.length === 0
        ? `rows keep ${cores < 0.1 ? "less than a tenth of a core" : `${cores.toFixed(1)} of ${host.cores} cores`} busy`
        : problems.join("; "),
    costOfMonth: month,
    costOfMillionTokens: month / ((tokensPerSecond * 3_600 * HOURS) / 1e6),
    evidence: place.evidence,
  };
}

/** A tier in the largest table that was measured: of this preset, or of another where this was not. */
function measured(
  report: BenchReport,
  preset: AddressingPresetName,
  tier: string,
  state: string,
): Measured | undefined {
  const found = report.cells.flatMap((cell) => {
    const own = cell.contestants.find(
      ({ name, residentShare = 0 }) => name === tier && (state === "hot" || residentShare <= COLD_SHARE),
    );
    // cells of `stores` are of one store in other ways than a plan opens it
    return own === undefined || cell.labels.state !== state || cell.suite === "stores" ? [] : [{ cell, own }];
  });
  const ofPreset = found.filter(({ cell }) => cell.labels.preset === preset);
  const usable = ofPreset.length > 0 ? ofPreset : found;
  const rows = Math.max(...usable.map(({ cell }) => Number(cell.labels.rows)));
  const largest = usable.filter(({ cell }) => Number(cell.labels.rows) === rows);
  const [best] = largest.toSorted((a, b) => a.own.nsPerUnit - b.own.nsPerUnit);
  if (best === undefined) return undefined;
  const decode = largest.find(({ cell: { labels } }) => labels.access === "decode" && labels.sequences === 1) ?? best;
  // a cold row costs a read whatever its bytes; a hot one costs its bytes
  const rowBytes = encodedRowBytes(ADDRESSING_PRESETS[preset].encoding);
  const scale = state === "hot" ? rowBytes / Number(best.cell.labels.rowBytes) : 1;
  const tell = ({ cell, own }: (typeof largest)[number]): Evidence => ({
    id: cell.id,
    what: `${tier}, ${state}: ${own.nsPerUnit.toFixed(0)} ns a row, ${String(cell.labels.access)}, table of ${rows} rows${ofPreset.length > 0 ? "" : `, measured on ${String(cell.labels.preset)}`}`,
  });
  return {
    ns: best.own.nsPerUnit * scale,
    decodeNs: decode.own.nsPerUnit * scale,
    cpuNs: cpuOf(best.cell, best.own) * scale,
    evidence: [...new Set([best, decode])].map(tell),
  };
}

/** Processor time of a row; by the clock where it was not told. */
function cpuOf(cell: CellReport, { cpuNs, nsPerUnit }: ContestantReport): number {
  if (cpuNs === undefined || cpuNs.length === 0) return nsPerUnit;
  return median(cpuNs.map(median)) / (cell.unitsPerCall * cell.callsPerRound);
}

/** Rows of which a share is served by the first. */
function mix(near: Measured, far: Measured, share: number): Measured {
  const mean = (a: number, b: number) => share * a + (1 - share) * b;
  return {
    ns: mean(near.ns, far.ns),
    decodeNs: mean(near.decodeNs, far.decodeNs),
    cpuNs: mean(near.cpuNs, far.cpuNs),
    evidence: [...far.evidence, ...near.evidence],
  };
}

/** Cache sizes with the hit ratio of the poorest text: a plan must hold for it too. */
function cachePoints(report: BenchReport, preset: AddressingPresetName) {
  const curve: CurveReport | undefined =
    report.curves.find(({ id }) => id === `cache/${preset}`) ?? report.curves.find(({ id }) => id.startsWith("cache/"));
  const texts = curve?.lines.filter(({ name }) => name !== "ids at random" && name !== "agent replay") ?? [];
  const places = (texts[0]?.points.map(([bytes]) => bytes) ?? []).filter((bytes) => bytes >= 2 ** 20);
  return places.map((cacheBytes) => {
    const ratio = Math.min(...texts.map(({ points }) => points.find(([bytes]) => bytes === cacheBytes)?.[1] ?? 0));
    const what = `a cache of ${Math.round(cacheBytes / 2 ** 20)} MiB serves at least ${(ratio * 100).toFixed(1)} % of each text's rows`;
    return { cacheBytes, ratio, evidence: { id: curve?.id ?? "", what } };
  });
}
