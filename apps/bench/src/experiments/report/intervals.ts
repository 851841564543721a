// Means of a few seeds with Student's intervals, and a straight line through points with that of its slope. Exact under normal
// errors; with three seeds the interval of a mean is 2.5 times its spread, and that is an honest width.

/** A value and the interval of 95 % around it; infinite where one value is all there is. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Values that it is of. */
  readonly count: number;
}

/** 97.5 % quantiles of Student's t, by degrees of freedom from 1; then those of `[degrees, quantile]`. */
const STUDENT = [
  12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216, 2.22814, 2.20099, 2.17881, 2.16037,
  2.14479, 2.13145,
];
const STUDENT_ABOVE = [
  [20, 2.08596],
  [30, 2.04227],
  [60, 2.0003],
] as const;

/** The quantile for degrees of freedom; that of the next fewer that is known, which is wider. */
export function studentQuantile(degrees: number): number {
  if (degrees < 1) return Number.POSITIVE_INFINITY;
  const exact = STUDENT[Math.floor(degrees) - 1];
  if (exact !== undefined) return exact;
  let quantile = STUDENT.at(-1) ?? Number.POSITIVE_INFINITY;
  for (const [from, value] of STUDENT_ABOVE) if (degrees >= from) quantile = value;
  return quantile;
}

/** The mean. */
export function meanInterval(values: readonly number[]): Interval {
  const count = values.length;
  const value = values.reduce((sum, one) => sum + one, 0) / count;
  const squares = values.reduce((sum, one) => sum + (one - value) ** 2, 0);
  const half =
    count < 2 ? Number.POSITIVE_INFINITY : studentQuantile(count - 1) * Math.sqrt(squares / (count - 1) / count);
  return { value, low: value - half, high: value + half, count };
}

/** A line through points. */
export interface LineFit {
  readonly slope: Interval;
  readonly intercept: number;
  /** Share of the variance that it explains. */
  readonly r2: number;
}

/** The line of least squares. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): LineFit {
  const count = points.length;
  const [mx, my] = [0, 1].map((i) => points.reduce((sum, point) => sum + (point[i] ?? 0), 0) / count) as [
    number,
    number,
  ]; // two
  const sum = (of: (x: number, y: number) => number) => points.reduce((all, [x, y]) => all + of(x - mx, y - my), 0);
  const [xx, xy, yy] = [sum((x) => x * x), sum((x, y) => x * y), sum((_, y) => y * y)];
  const slope = xy / xx;
  const rest = Math.max(0, yy - slope * xy);
  const half = count < 3 ? Number.POSITIVE_INFINITY : studentQuantile(count - 2) * Math.sqrt(rest / (count - 2) / xx);
  return {
    slope: { value: slope, low: slope - half, high: slope + half, count },
    intercept: my - slope * mx,
    r2: yy === 0 ? 1 : 1 - rest / yy,
  };
}

/** `-0.012 (-0.015 to -0.009)`. */
export function intervalText({ value, low, high }: Interval, places = 4): string {
  if (!Number.isFinite(value)) return "unknown";
  const signed = (one: number) => `${one < 0 ? "-" : "+"}${Math.abs(one).toFixed(places)}`;
  return Number.isFinite(low) ? `${signed(value)} (${signed(low)} to ${signed(high)})` : `${signed(value)} (one seed)`;
}
