// An axis of a plot: from values to places on paper, and the places that get a label. Linear or logarithmic.

/** How an axis is drawn. */
export interface AxisOptions {
  readonly label: string;
  readonly scale: "linear" | "log";
  /** How a value is written; default as it is. */
  readonly format?: (value: number) => string;
  /** Labelled places, where they do not follow from the scale. */
  readonly ticks?: readonly (readonly [value: number, label: string])[];
  /** Value from which bars start; a linear axis includes it. */
  readonly from?: number;
}

/** An axis for given values. */
export interface Axis {
  readonly label: string;
  /** Place of a value, 0 at the low end to 1 at the high end. */
  place(value: number): number;
  readonly ticks: readonly (readonly [value: number, label: string])[];
}

const LEAST_TICKS = 3;
const MOST_TICKS = 7;

/** The axis that holds all values; those that a logarithm has no place for are left out. */
export function axisFor(values: readonly number[], options: AxisOptions): Axis {
  const log = options.scale === "log";
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  const all = [...usable, ...(options.from === undefined ? [] : [options.from])];
  let low = Math.min(...all);
  let high = Math.max(...all);
  if (all.length === 0) [low, high] = [1, 10];
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [Math.min(0, low), high === 0 ? 1 : high * 1.1];
  if (log) [low, high] = [low / 1.15, high * 1.15];
  const [from, to] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const { format = String } = options;
  const ticks =
    options.ticks?.filter(([value]) => value >= low && value <= high) ??
    (log ? logTicks(low, high) : linearTicks(low, high)).map((value) => [value, format(value)] as const);
  return {
    label: options.label,
    place: (value) => ((log ? Math.log10(Math.max(value, Number.MIN_VALUE)) : value) - from) / (to - from),
    ticks,
  };
}

/** Whole multiples of 1, 2 or 5 times a power of ten. */
export function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / (MOST_TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  // counted by whole numbers: adding steps up would gather their errors
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Powers of ten; with 2 and 5 between them where there are few, every other one where there are many. */
export function logTicks(low: number, high: number): number[] {
  const of = (factors: readonly number[]) => {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of factors) {
        const value = Number((factor * 10 ** power).toPrecision(12));
        if (value >= low && value <= high) ticks.push(value);
      }
    }
    return ticks;
  };
  const found = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]
    .map(of)
    .find((ticks) => ticks.length >= LEAST_TICKS);
  const ticks = found ?? linearTicks(low, high);
  return ticks.length > MOST_TICKS + 2 ? ticks.filter((_, i) => i % 2 === 0) : ticks;
}
