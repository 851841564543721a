// Reports hold what they were given and nothing of elsewhere; a text in them is never markup.

import { describe, expect, it } from "vitest";
import { gateFigure } from "../../src/report/gate-figure.js";
import { escapeHtml } from "../../src/report/html-text.js";
import { lossFigure, smoothedPoints } from "../../src/report/loss-figure.js";
import { reportPage, reportTable, reportText } from "../../src/report/report-page.js";

const HOSTILE = `<img src=x onerror="alert('1')">&\u202e`;

describe("report page", () => {
  it("needs no other file and runs no script", () => {
    const page = reportPage(HOSTILE, [
      { title: HOSTILE, html: reportTable([HOSTILE], [[HOSTILE]]) + reportText(HOSTILE) },
    ]);
    expect(page).not.toMatch(/<img|<script|https?:|<link|\u202e/);
    expect(page.match(/&lt;img src=x onerror=&quot;alert\(&#39;1&#39;\)&quot;&gt;&amp;\\u\{202e\}/g)).toHaveLength(6);
  });

  it("keeps lines and tabs, and shows what is not seen", () => {
    expect(escapeHtml("a\n\tb\u0000\u200b")).toBe("a\n\tb\\u{0}\\u{200b}");
  });
});

describe("loss figure", () => {
  it("draws curves from the first step to the last, lower losses lower, and leaves out what is no number", () => {
    const points = [
      [1, 6],
      [2, Number.NaN],
      [3, 4],
      [4, 5],
    ] as const;
    const svg = lossFigure({ series: [{ name: "a<b", points }], levels: { floor: 3.5 } });
    expect(svg).not.toContain("NaN");
    expect(svg).toContain("a&lt;b");
    expect(svg).toContain("floor 3.50");
    const drawn = /polyline class="s0" points="([^"]*)"/
      .exec(svg)?.[1]
      ?.split(" ")
      .map((place) => place.split(",").map(Number));
    expect(drawn).toHaveLength(3);
    const [first, lowest, last] = drawn ?? [];
    expect(first?.[1]).toBeLessThan(last?.[1] ?? 0); // SVG counts down
    expect(last?.[1]).toBeLessThan(lowest?.[1] ?? 0);
    expect(last?.[0]).toBe(744);
  });

  it("draws nothing where there is nothing", () => {
    expect(lossFigure({ series: [] })).not.toMatch(/NaN|Infinity/);
    expect(lossFigure({ series: [{ name: "none", points: [] }] })).not.toMatch(/NaN|Infinity/);
  });

  it("smooths by means, and never changes the mean of whole runs", () => {
    const points = Array.from({ length: 400 }, (_, i) => [i + 1, i % 7] as const);
    const smooth = smoothedPoints(points, 100);
    expect(smooth).toHaveLength(100);
    const mean = (all: readonly (readonly [number, number])[]) =>
      all.reduce((sum, [, loss]) => sum + loss, 0) / all.length;
    expect(mean(smooth)).toBeCloseTo(mean(points), 10);
    expect(smooth.at(-1)?.[0]).toBe(400);
    expect(smoothedPoints(points.slice(0, 3), 100)).toEqual(points.slice(0, 3));
  });
});

describe("gate figure", () => {
  it("shades each token of each stream from its narrowest gate to its widest, and names what fired", () => {
    const ngram = (order: number, contribution: number) => ({ order, ids: [1, 2, 3].slice(0, order), contribution });
    const html = gateFigure({
      tokens: ["<b>", "y"],
      ngramText: (id) => `n${id}`,
      layers: [
        {
          layer: 7,
          streams: 2,
          gates: Float32Array.of(0.25, 0.5, 0.75, 0.25),
          ngrams: [
            [ngram(2, 1), ngram(3, 2)],
            [ngram(2, 3), ngram(3, 2)],
          ],
        },
      ],
    });
    expect(html.match(/--g:[\d.]+/g)).toEqual(["--g:0.000", "--g:1.000", "--g:1.000", "--g:0.000"]);
    expect(html).toContain("&lt;b&gt;");
    expect(html).not.toContain("<b>y");
    expect(html).toContain("gate 0.250, n-gram &quot;n1 · n2 · n3&quot;");
    expect(html).toContain("gate 0.750, n-gram &quot;n1 · n2&quot;");
    expect(html).toContain("Block 7");
    expect(html).toContain("stream 2, 0.250 to 0.500");
  });
});
