// One bar a name, lying, its value written at its end. Bars start at zero; on a logarithmic axis, where there is no zero,
// marks on a line stand in for bars.

import { type AxisOptions, axisFor } from "./axis.js";
import { drawing, type Plot, SIZE } from "./plot.js";
import { colourClass, type Series } from "./series.js";
import { element, escapeText } from "./svg.js";

/** What is drawn. */
export interface BarPlotOptions {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly value: AxisOptions;
  readonly bars: readonly {
    readonly name: string;
    readonly value: number;
    /** The interval, where it is known. */
    readonly range?: readonly [number, number];
    /** Bars of one colour belong together. */
    readonly colour?: number;
  }[];
  /** What the colours mean, in their order. */
  readonly colours?: readonly string[];
}

const LEFT = 176;
const RIGHT = 84;
const STEP = 28;
const BOTTOM = 46;

/** The plot; undefined where there is no bar to draw. */
export function barPlot({ id, title, note, value, bars, colours = [] }: BarPlotOptions): Plot | undefined {
  const known = bars.filter((bar) => Number.isFinite(bar.value));
  if (known.length === 0) return undefined;
  const log = value.scale === "log";
  const values = known.flatMap((bar) => [bar.value, ...(bar.range ?? [])]);
  const axis = axisFor(values, log ? value : { ...value, from: value.from ?? 0 });
  const height = known.length * STEP + BOTTOM + 8;
  const bottom = height - BOTTOM;
  const place = (one: number) => LEFT + axis.place(one) * (SIZE.width - LEFT - RIGHT);
  const start = log ? LEFT : place(value.from ?? 0);
  const { format = String } = value;
  const grid = axis.ticks.flatMap(([one, label]) => [
    element("line", { class: "grid", x1: place(one), x2: place(one), y1: 4, y2: bottom }),
    element("text", { x: place(one), y: bottom + 16, "text-anchor": "middle" }, escapeText(label)),
  ]);
  const drawn = known.map((bar, i) => {
    const y = 8 + i * STEP;
    const end = place(bar.value);
    const [low, high] = bar.range ?? [bar.value, bar.value];
    const shape = log
      ? element("circle", { cx: end, cy: y + 9, r: 6 })
      : element("rect", { x: Math.min(start, end), y, width: Math.max(1, Math.abs(end - start)), height: 18, rx: 2 });
    return element(
      "g",
      { class: colourClass(bar.colour ?? 0) },
      element("text", { x: LEFT - 10, y: y + 13, "text-anchor": "end" }, escapeText(bar.name)),
      ...(log ? [element("line", { class: "grid", x1: LEFT, x2: end, y1: y + 9, y2: y + 9 })] : []),
      shape,
      ...(high > low
        ? [element("line", { class: "range", x1: place(low), x2: place(high), y1: y + 9, y2: y + 9 })]
        : []),
      element("text", { class: "value", x: Math.max(end, place(high)) + 12, y: y + 13 }, escapeText(format(bar.value))),
    );
  });
  const label = element(
    "text",
    { class: "label", x: (LEFT + SIZE.width - RIGHT) / 2, y: height - 10, "text-anchor": "middle" },
    escapeText(axis.label),
  );
  const legend = colours
    .map((name, place): Series => ({ name, place, filled: true }))
    .filter(({ place }) => known.some(({ colour = 0 }) => colour === place));
  return { id, title, note, legend, svg: drawing(title, height, ...grid, ...drawn, label) };
}
