// What a plot is, whatever draws it: a title, a note on what it shows and what not, and a drawing with its legend.

import { colourClass, SAMPLE, type Series, sample } from "./series.js";
import { element, escapeText } from "./svg.js";

/** A plot as HTML. */
export interface Plot {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  /** What is told apart; one alone needs no legend. */
  readonly legend: readonly Series[];
  readonly svg: string;
}

/** Width and height of a drawing, in its own units; it scales with the page. */
export const SIZE = { width: 560, height: 350 } as const;

/** The plot with its title, legend and note. */
export function plotHtml({ id, title, note, legend, svg }: Plot): string {
  const box = { class: "sample", viewBox: `0 0 ${SAMPLE.width} ${SAMPLE.height}`, "aria-hidden": "true" };
  const names = legend.map(
    (one) => `<li class="${colourClass(one.place)}">${element("svg", box, sample(one))}${escapeText(one.name)}</li>`,
  );
  return `<figure id="${escapeText(id)}" class="plot"><h3>${escapeText(title)}</h3>${names.length > 1 ? `<ul class="legend">${names.join("")}</ul>` : ""}${svg}<figcaption>${escapeText(note)}</figcaption></figure>`;
}

/** The frame of a drawing. */
export function drawing(title: string, height: number, ...content: readonly string[]): string {
  const box = { viewBox: `0 0 ${SIZE.width} ${height}`, role: "img", "aria-label": title };
  return element("svg", box, ...content);
}
