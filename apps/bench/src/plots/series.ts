// How series of one plot are told apart: by colour, by the shape of their marks, and, where they are beside what is ours, by a
// broken line. Colours come again after nine and shapes after four, so that no two of 36 series have both in common; on paper
// without colours, neighbours still differ in shape.

import { element } from "./svg.js";

/** A series, by its place in the plot. */
export interface Series {
  readonly name: string;
  readonly place: number;
  /** A peer or a limit, beside what is ours. */
  readonly broken?: boolean | undefined;
  /** A filled area, as bars are: its sample is a square. */
  readonly filled?: boolean;
}

/** Colours that the style has. */
const COLOURS = 9;
const SHAPES = ["circle", "square", "triangle", "diamond"] as const;
/** Broken lines differ from each other too. */
const DASHES = 3;

/** Class of its colour. */
export function colourClass(place: number): string {
  return `s${place % COLOURS}`;
}

/** Classes of its line. */
export function lineClass({ place, broken }: Series): string {
  return broken ? `line broken d${place % DASHES}` : "line";
}

/** Its mark around a point; `more` goes inside, as what a pointer is told. */
export function mark({ place }: Series, x: number, y: number, ...more: readonly string[]): string {
  const shape = SHAPES[place % SHAPES.length] ?? "circle";
  if (shape === "circle") return element("circle", { class: "mark", cx: x, cy: y, r: 3.2 }, ...more);
  const [side, tall] = [2.9, 4.4];
  const corners = {
    square: [
      [-side, -side],
      [side, -side],
      [side, side],
      [-side, side],
    ],
    triangle: [
      [0, -tall],
      [4, 3.2],
      [-4, 3.2],
    ],
    diamond: [
      [0, -tall],
      [tall, 0],
      [0, tall],
      [-tall, 0],
    ],
  }[shape];
  const round = (value: number) => Math.round(value * 100) / 100;
  const points = corners.map(([dx = 0, dy = 0]) => `${round(x + dx)},${round(y + dy)}`).join(" ");
  return element("polygon", { class: `mark ${shape}`, points }, ...more);
}

/** Width and height of a sample. */
export const SAMPLE = { width: 30, height: 12 } as const;

/** What stands for the series in a legend, from a point on. */
export function sample(series: Series, x = 0, y = 0): string {
  const middle = y + SAMPLE.height / 2;
  if (series.filled) return element("rect", { x: x + 9, y, width: 12, height: 12, rx: 2 });
  const path = `M${x} ${middle}L${x + SAMPLE.width} ${middle}`;
  return element("path", { class: lineClass(series), d: path }) + mark(series, x + SAMPLE.width / 2, middle);
}
