// Lines over two axes, with a mark at every measured point: what lies between marks was not measured.

import { type Axis, type AxisOptions, axisFor } from "./axis.js";
import { drawing, type Plot, SIZE } from "./plot.js";
import { colourClass, lineClass, mark, type Series } from "./series.js";
import { element, escapeText } from "./svg.js";

/** What is drawn. */
export interface LinePlotOptions {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly x: AxisOptions;
  readonly y: AxisOptions;
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
    /** Drawn broken: a peer or a limit, beside what is ours. */
    readonly broken?: boolean;
    /** How far what points are the mean of is spread: a stroke each. */
    readonly ranges?: readonly (readonly [x: number, low: number, high: number])[];
  }[];
}

const LEFT = 74;
const RIGHT = 24;
const TOP = 14;
const BOTTOM = 52;

/** The plot; undefined where there is no point to draw. */
export function linePlot({ id, title, note, x, y, lines }: LinePlotOptions): Plot | undefined {
  const known = lines.filter(({ points }) => points.some(([a, b]) => Number.isFinite(a) && Number.isFinite(b)));
  if (known.length === 0) return undefined;
  const points = known.flatMap((line) => line.points);
  const [across, up] = [
    axisFor(
      points.map(([value]) => value),
      x,
    ),
    axisFor(
      [
        ...points.map(([, value]) => value),
        ...known.flatMap(({ ranges = [] }) => ranges.flatMap(([, ...ends]) => ends)),
      ],
      y,
    ),
  ];
  const right = (value: number) => LEFT + across.place(value) * (SIZE.width - LEFT - RIGHT);
  const down = (value: number) => SIZE.height - BOTTOM - up.place(value) * (SIZE.height - TOP - BOTTOM);
  const series = known.map(({ name, broken }, place): Series => ({ name, place, broken }));
  const drawn = series.map((one, i) => {
    const own = known[i]?.points ?? [];
    const finite = own.filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b)).toSorted(([a], [b]) => a - b || 0);
    const path = finite
      .map(([a, b], k) => `${k === 0 ? "M" : "L"}${right(a).toFixed(1)} ${down(b).toFixed(1)}`)
      .join("");
    const spread = (known[i]?.ranges ?? []).map(([at, low, high]) =>
      element("line", { class: "range", x1: right(at), x2: right(at), y1: down(low), y2: down(high) }),
    );
    const told = (a: number, b: number) =>
      escapeText(`${one.name}: ${(x.format ?? String)(a)}, ${(y.format ?? String)(b)}`);
    return element(
      "g",
      { class: colourClass(one.place) },
      element("path", { class: lineClass(one), d: path }),
      ...spread,
      ...finite.map(([a, b]) => mark(one, right(a), down(b), `<title>${told(a, b)}</title>`)),
    );
  });
  const content = [...axes(across, up, right, down), ...drawn];
  return { id, title, note, legend: series, svg: drawing(title, SIZE.height, ...content) };
}

function axes(across: Axis, up: Axis, right: (v: number) => number, down: (v: number) => number): string[] {
  const [bottom, end] = [SIZE.height - BOTTOM, SIZE.width - RIGHT];
  return [
    ...up.ticks.flatMap(([value, label]) => [
      element("line", { class: "grid", x1: LEFT, x2: end, y1: down(value), y2: down(value) }),
      element("text", { x: LEFT - 8, y: down(value) + 4, "text-anchor": "end" }, escapeText(label)),
    ]),
    ...across.ticks.flatMap(([value, label]) => [
      element("line", { class: "grid", x1: right(value), x2: right(value), y1: TOP, y2: bottom }),
      element("text", { x: right(value), y: bottom + 18, "text-anchor": "middle" }, escapeText(label)),
    ]),
    element("line", { class: "axis", x1: LEFT, x2: end, y1: bottom, y2: bottom }),
    element(
      "text",
      { class: "label", x: (LEFT + end) / 2, y: SIZE.height - 10, "text-anchor": "middle" },
      escapeText(across.label),
    ),
    element(
      "text",
      { class: "label", transform: `translate(16 ${(TOP + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" },
      escapeText(up.label),
    ),
  ];
}
