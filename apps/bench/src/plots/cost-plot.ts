// What a million tokens cost on each tier, at the user's prices: the table's place for the time that they take, and the core
// that reads them, if reading rows were all that a machine did. A bound from below for comparing tiers, not a bill.

import { ADDRESSING_PRESETS, type AddressingPresetName, createAddressing, encodedRowBytes } from "@engram-ts/core";
import { digits } from "../report/numbers.js";
import type { Prices } from "../report/prices.js";
import type { CellReport, ContestantReport } from "../report/report.js";
import { barPlot } from "./bar-plot.js";
import type { Plot } from "./plot.js";

const HOURS_A_MONTH = 730;
const SECONDS_AN_HOUR = 3600;

/** Where a table lies for its price, by the contestant's name. */
type Storage = "memory" | "disk" | "object";

/** The storage of a tier or stack: that of its last tier, which has all rows. */
function storageOf(name: string): Storage | undefined {
  const last = name.split(">").at(-1)?.trim() ?? name;
  if (/^(s3|object)/.test(last)) return "object";
  if (/^(file|lmdb)/.test(last)) return "disk";
  return /^dram/.test(last) ? "memory" : undefined;
}

/** What is needed of a preset's whole tables. */
export function presetTables(preset: AddressingPresetName): { gib: number; rowsPerToken: number; modules: number } {
  const { config, encoding } = ADDRESSING_PRESETS[preset];
  const { layers, rowsPerToken } = createAddressing(config);
  const rows = layers.reduce((sum, layer) => sum + layer.rows, 0);
  return { gib: (rows * encodedRowBytes(encoding)) / 2 ** 30, rowsPerToken, modules: layers.length };
}

/** Cost of a million tokens: the whole tables' place and a core for as long as their rows take, and requests. */
function millionTokensCost(
  { nsPerUnit, hits }: Pick<ContestantReport, "nsPerUnit" | "hits">,
  storage: Storage,
  preset: AddressingPresetName,
  prices: Prices,
): number {
  const { gib, rowsPerToken, modules } = presetTables(preset);
  const hours = (1e6 * rowsPerToken * modules * nsPerUnit) / 1e9 / SECONDS_AN_HOUR;
  const monthly = { memory: prices.memoryGibMonth, disk: prices.diskGibMonth, object: prices.objectGibMonth }[storage];
  const place = ((gib * monthly) / HOURS_A_MONTH) * hours;
  const reads = storage === "object" ? 1e6 * rowsPerToken * modules * (hits?.s3 ?? 1) : 0;
  return place + prices.coreHour * hours + (reads / 1_000) * prices.objectThousandReads;
}

/** Bars of decode cells, hot and cold. */
export function costPlot(cells: readonly CellReport[], prices: Prices): Plot | undefined {
  const decode = cells.filter(({ labels }) => labels.access === "decode" && labels.sequences === 1);
  const first = decode[0];
  if (first === undefined) return undefined;
  const preset = first.labels.preset as AddressingPresetName; // a cell about rows has one of its names
  const states = ["hot", "warm", "cold"];
  const bars = decode
    .filter(({ labels }) => labels.preset === preset && labels.rows === first.labels.rows)
    .toSorted((a, b) => states.indexOf(String(a.labels.state)) - states.indexOf(String(b.labels.state)))
    .flatMap((cell) =>
      cell.contestants.flatMap((one) => {
        const storage = one.kind === "tier" ? storageOf(one.name) : undefined;
        if (storage === undefined) return [];
        const value = millionTokensCost(one, storage, preset, prices);
        return [
          { name: `${one.name}, ${cell.labels.state}`, value, colour: ["memory", "disk", "object"].indexOf(storage) },
        ];
      }),
    );
  const { gib } = presetTables(preset);
  return barPlot({
    id: "cost",
    title: `Cost of a million tokens on each tier: the ${digits(gib)} GiB of ${preset}`,
    note: `At the report's prices: the place of the whole tables and one core, for as long as the rows of a million tokens take at the measured rate of this cell's table, one token a call. Reading rows alone; a bound for comparing tiers, not a bill. Hot for a table of this size needs as much memory as the table.`,
    value: { label: `${prices.currency} a million tokens`, scale: "log", format: digits },
    colours: ["in memory", "on disk", "in an object store"],
    bars,
  });
}
