// Loss over steps as an SVG: curves of runs, points of evaluations, lines for what simple predictors reach. A part of a
// page (report-page.ts), its colours are the page's. Not a plotting library: one figure, two linear axes.

import { escapeHtml } from "./html-text.js";

/** A curve, or points. */
export interface LossSeries {
  readonly name: string;
  /** `[step, nats]` each, in order. */
  readonly points: readonly (readonly [step: number, loss: number])[];
  readonly marks?: "line" | "dots";
}

/** What the figure shows. */
export interface LossFigure {
  readonly series: readonly LossSeries[];
  /** Lines across: `{ "unigram entropy": 6.3 }`. */
  readonly levels?: Readonly<Record<string, number>>;
}

const [WIDTH, HEIGHT] = [760, 340];
const PLOT = { left: 52, right: 16, top: 14, bottom: 40 };
const TICKS = 6;

/** The figure as an SVG element. */
export function lossFigure({ series, levels = {} }: LossFigure): string {
  const drawn = series.map((one) => ({ ...one, points: one.points.filter(([, loss]) => Number.isFinite(loss)) }));
  const losses = [...drawn.flatMap(({ points }) => points.map(([, loss]) => loss)), ...Object.values(levels)];
  const lastStep = drawn.reduce((most, { points }) => points.reduce((all, [step]) => Math.max(all, step), most), 1);
  const lowest = losses.reduce((least, loss) => Math.min(least, loss), Number.POSITIVE_INFINITY);
  const highest = losses.reduce((most, loss) => Math.max(most, loss), Number.NEGATIVE_INFINITY);
  const from = Number.isFinite(lowest) ? Math.floor(lowest * 2) / 2 : 0;
  const to = Number.isFinite(highest) ? Math.max(from + 0.5, Math.ceil(highest * 2) / 2) : 1;
  const x = (step: number) => PLOT.left + ((WIDTH - PLOT.left - PLOT.right) * step) / lastStep;
  const y = (loss: number) => PLOT.top + ((HEIGHT - PLOT.top - PLOT.bottom) * (to - loss)) / (to - from);
  const parts: string[] = [];
  for (let tick = 0; tick <= TICKS; tick++) {
    const loss = from + ((to - from) * tick) / TICKS;
    const step = Math.round((lastStep * tick) / TICKS);
    parts.push(
      `<line class="grid" x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${at(y(loss))}" y2="${at(y(loss))}"/>`,
      `<text x="${PLOT.left - 6}" y="${at(y(loss) + 4)}" text-anchor="end">${loss.toFixed(2)}</text>`,
      `<text x="${at(x(step))}" y="${HEIGHT - PLOT.bottom + 18}" text-anchor="middle">${step}</text>`,
    );
  }
  for (const [name, loss] of Object.entries(levels)) {
    const label = `${name} ${loss.toFixed(2)}`;
    parts.push(
      `<line class="level" x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${at(y(loss))}" y2="${at(y(loss))}"/>`,
      `<text x="${WIDTH - PLOT.right}" y="${at(y(loss) - 4)}" text-anchor="end">${escapeHtml(label)}</text>`,
    );
  }
  for (const [index, { name, points, marks = "line" }] of drawn.entries()) {
    const places = points.map(([step, loss]) => [at(x(step)), at(y(loss))] as const);
    parts.push(
      marks === "line"
        ? `<polyline class="s${index}" points="${places.map((place) => place.join(",")).join(" ")}"/>`
        : places.map(([cx, cy]) => `<circle class="s${index}" cx="${cx}" cy="${cy}" r="3.5"/>`).join(""),
      `<text class="s${index}" x="${PLOT.left + 12}" y="${HEIGHT - PLOT.bottom - 10 - 16 * index}">${escapeHtml(name)}</text>`,
    );
  }
  const axis = `<text x="${(WIDTH + PLOT.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">step (loss in nats a token)</text>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="loss over steps">${parts.join("")}${axis}</svg>`;
}

/** Means of runs of points, so that a long noisy curve is readable and small. */
export function smoothedPoints(
  points: readonly (readonly [number, number])[],
  most = 200,
): readonly (readonly [number, number])[] {
  const run = Math.max(1, Math.ceil(points.length / most));
  const means: (readonly [number, number])[] = [];
  for (let i = 0; i < points.length; i += run) {
    const part = points.slice(i, i + run);
    const mean = part.reduce((sum, [, loss]) => sum + loss, 0) / part.length;
    means.push([part.at(-1)?.[0] ?? 0, mean]);
  }
  return means;
}

function at(value: number): string {
  return value.toFixed(1);
}
