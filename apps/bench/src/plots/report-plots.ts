// The plots that a report of rows is looked at by: latency of each tier, throughput against batch, cost of a million tokens
// on each tier, and cost of a row against the table's size; then every curve and, for other suites, bars of each cell.

import { capital, digits, duration, shortCount } from "../report/numbers.js";
import type { BenchReport, CellReport, ContestantReport, CurveReport } from "../report/report.js";
import { barPlot } from "./bar-plot.js";
import { costPlot } from "./cost-plot.js";
import { linePlot } from "./line-plot.js";
import type { Plot } from "./plot.js";

/** All plots that the report has the figures for. */
export function reportPlots(report: BenchReport): readonly Plot[] {
  const rowCells = report.cells.filter(({ suite }) => suite === "tiers" || suite === "scale");
  const others = report.cells.filter(({ suite }) => suite !== "tiers" && suite !== "scale");
  return [
    latencyPlot(rowCells, "hot", "latency"),
    throughputPlot(rowCells),
    costPlot(rowCells, report.prices),
    sizePlot(rowCells),
    latencyPlot(rowCells, "cold", "latency-cold"),
    ...report.curves.map(curvePlot),
    ...others.map(cellPlot),
  ].filter((plot) => plot !== undefined);
}

const nines = (share: number) => -Math.log10(1 - share);
const NINES = ["0", "50", "90", "99", "99.9", "99.99"].map((text) => [nines(Number(text) / 100), `${text} %`] as const);

/** The open loops of the first cell of a state that has them. */
function latencyPlot(cells: readonly CellReport[], state: string, id: string): Plot | undefined {
  const cell = cells.find(
    ({ labels, contestants }) => labels.state === state && contestants.some(({ latency }) => latency !== undefined),
  );
  if (cell === undefined) return undefined;
  const lines = cell.contestants.flatMap(({ name, latency }) =>
    latency === undefined
      ? []
      : [{ name, points: latency.curve.map(([share, us]) => [us * 1e3, nines(share)] as const) }],
  );
  return linePlot({
    id,
    title: `Latency of each tier: ${cell.title}`,
    note: "Share of calls done within a time, counted from arrival, at half of each tier's own greatest rate (open loop, corrected for coordinated omission). Further left and higher is better.",
    x: { label: "from arrival to rows", scale: "log", format: duration },
    y: {
      label: "share of calls",
      scale: "linear",
      ticks: NINES,
      format: (value) => `${(100 * (1 - 10 ** -value)).toFixed(2)} %`,
    },
    lines,
  });
}

/** Rows a second against rows of a call, hot, of the preset with most cells. */
function throughputPlot(cells: readonly CellReport[]): Plot | undefined {
  const first = cells.find(({ labels }) => labels.state === "hot");
  const own = cells.filter(
    ({ labels }) =>
      labels.state === "hot" && labels.preset === first?.labels.preset && labels.rows === first?.labels.rows,
  );
  const byName = pointsByName(own, (cell, one) => [Number(cell.labels.count), 1e9 / one.nsPerUnit]);
  return linePlot({
    id: "throughput",
    title: `Throughput against batch: ${first?.labels.preset ?? ""}, ${shortCount(Number(first?.labels.rows))} rows of ${first?.labels.rowBytes} bytes, hot`,
    note: "One call after the other. From one token of one sequence on the left to a prefill chunk on the right. Broken lines are peers.",
    x: { label: "rows of a call", scale: "log", format: shortCount },
    y: { label: "rows a second", scale: "log", format: shortCount },
    lines: byName,
  });
}

/** Time of a row against rows of the table, decode. */
function sizePlot(cells: readonly CellReport[]): Plot | undefined {
  const decode = cells.filter(
    ({ labels }) => labels.access === "decode" && labels.sequences === 1 && labels.state === "hot",
  );
  const preset = decode[0]?.labels.preset;
  const own = decode.filter(({ labels }) => labels.preset === preset);
  return linePlot({
    id: "size",
    title: `Cost of a row against the table's size: ${preset ?? ""}, decode of one sequence, hot`,
    note: "The same tokens in tables of other sizes, every row of the trace read before. What grows here is what leaves the processor's caches.",
    x: { label: "rows of the table", scale: "log", format: shortCount },
    y: { label: "time of a row", scale: "log", format: duration },
    lines: pointsByName(own, (cell, one) => [Number(cell.labels.rows), one.nsPerUnit]),
  });
}

function pointsByName(
  cells: readonly CellReport[],
  point: (cell: CellReport, contestant: ContestantReport) => readonly [number, number],
) {
  const lines = new Map<string, { name: string; broken: boolean; points: (readonly [number, number])[] }>();
  for (const cell of cells) {
    for (const one of cell.contestants) {
      const line = lines.get(one.name) ?? { name: one.name, broken: one.kind !== "tier", points: [] };
      lines.set(one.name, line);
      line.points.push(point(cell, one));
    }
  }
  // a table read by two suites gives a place two points; the first stands
  const ordered = [...lines.values()].sort((a, b) => Number(a.broken) - Number(b.broken));
  return ordered.map((line) => ({ ...line, points: [...new Map(line.points.toReversed()).entries()] }));
}

function curvePlot({ id, title, x, y, lines, note }: CurveReport): Plot | undefined {
  const bytes = /byte/.test(x.label);
  return linePlot({
    id: id.replaceAll("/", "-"),
    title,
    note,
    x: { ...x, format: bytes ? (value) => `${shortCount(value)}B` : shortCount },
    y: { ...y, format: digits },
    lines,
  });
}

function cellPlot(cell: CellReport): Plot | undefined {
  const fastest = Math.min(...cell.contestants.map(({ nsPerUnit }) => nsPerUnit));
  const slowest = Math.max(...cell.contestants.map(({ nsPerUnit }) => nsPerUnit));
  return barPlot({
    id: cell.id.replaceAll(/[^\w-]/g, "-"),
    title: `${cell.suite}: ${cell.title}`,
    note: `Time of a ${cell.unit}; shorter is better. ${capital(cell.cacheState)}.`,
    value: { label: `time of a ${cell.unit}`, scale: slowest / fastest > 50 ? "log" : "linear", format: duration },
    bars: cell.contestants.map((one) => ({
      name: one.name,
      value: one.nsPerUnit,
      colour: one.kind === "tier" ? 0 : 1,
    })),
    colours: ["of this project", "peers and limits"],
  });
}
