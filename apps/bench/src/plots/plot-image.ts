// A plot as an SVG file of its own, for READMEs: the page's style inside, light or dark by what the reader's system says, with
// its title and legend as text of the drawing.

import { REPORT_STYLE } from "../report/html-style.js";
import type { BenchReport } from "../report/report.js";
import { type Plot, SIZE } from "./plot.js";
import { reportPlots } from "./report-plots.js";
import { colourClass, SAMPLE, type Series, sample } from "./series.js";
import { element, escapeText } from "./svg.js";

/** One file. */
export interface PlotImage {
  /** The plot's name, for the file's. */
  readonly id: string;
  readonly title: string;
  readonly svg: string;
}

const MARGIN = 14;
const LINE = 20;
const LETTER = 7.2;

/** All plots of a report as files. */
export function plotImages(report: BenchReport): readonly PlotImage[] {
  return reportPlots(report).map(plotImage);
}

/** One plot as a file. */
export function plotImage(plot: Plot): PlotImage {
  return { id: plot.id.replaceAll(".", "-"), title: plot.title, svg: image(plot) };
}

function image({ title, legend, svg }: Plot): string {
  const names = legend.length > 1 ? legendLines(legend) : [];
  const titles = wrapped(title, Math.floor((SIZE.width - 2 * MARGIN) / LETTER));
  const head = MARGIN + titles.length * LINE + names.length * LINE;
  const [, inner = "", height = 0] = parts(svg);
  const whole = head + height;
  const box = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${SIZE.width} ${whole}`,
    class: "image",
    role: "img",
    "aria-label": title,
  };
  return `${element(
    "svg",
    box,
    `<style>${IMAGE_STYLE}</style>`,
    element("rect", { class: "paper", width: SIZE.width, height: whole, rx: 8 }),
    ...titles.map((text, i) =>
      element("text", { class: "title", x: MARGIN, y: MARGIN + 12 + i * LINE }, escapeText(text)),
    ),
    ...names.flatMap((line, i) =>
      line.map(({ series, x }) => legendEntry(series, x, MARGIN + 10 + (titles.length + i) * LINE)),
    ),
    element("g", { transform: `translate(0 ${head})` }, inner),
  )}\n`;
}

/** What is inside a drawing, and its height. */
function parts(svg: string): [string, string, number] {
  const [all, box = "", inner = ""] = /^<svg viewBox="([^"]*)"[^>]*>(.*)<\/svg>$/s.exec(svg) ?? [svg];
  return [all, inner, Number(box.split(" ")[3])];
}

function legendEntry(series: Series, x: number, y: number): string {
  const text = element("text", { x: x + SAMPLE.width + 6, y }, escapeText(series.name));
  return element("g", { class: colourClass(series.place) }, sample(series, x, y - 10), text);
}

function legendLines(legend: readonly Series[]) {
  const lines: { series: Series; x: number }[][] = [[]];
  let x = MARGIN;
  for (const series of legend) {
    const width = series.name.length * LETTER + SAMPLE.width + 24;
    if (x + width > SIZE.width - MARGIN && x > MARGIN) {
      lines.push([]);
      x = MARGIN;
    }
    lines.at(-1)?.push({ series, x });
    x += width;
  }
  return lines;
}

function wrapped(text: string, letters: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + word.length + 1 > letters) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** Rules for the page's own parts do not apply in a file; its colours and the drawing's do. */
const IMAGE_STYLE = `${REPORT_STYLE.split("\n")
  .filter((line) => /^(:root|@media \(prefers| {2}--c|svg |\.s\d)/.test(line))
  .join("\n")}
.image { font: 13px system-ui, sans-serif; } svg rect.paper { fill: var(--panel); } svg text.title { fill: var(--ink); font-weight: 600; }`;
