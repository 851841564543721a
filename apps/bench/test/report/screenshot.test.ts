// The page in a real browser: every plot is drawn, in light and in dark, and on paper; nothing is asked of any network.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportPlots } from "../../src/plots/report-plots.js";
import { writeReport } from "../../src/report/report-files.js";
import { madeUpReport } from "../bench-report.js";
import { startBrowser } from "./browser.js";

const folder = mkdtempSync(join(tmpdir(), "engram-page-"));
const report = madeUpReport({ peers: 9 }); // more series than there are colours
const [, , path = ""] = writeReport(folder, report);
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** Colours of a picture and how many of its pixels have each, counted in the page, which can read PNG. */
function colours(page: Page, png: Buffer): Promise<Record<string, number>> {
  return page.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    const counts: Record<string, number> = {};
    for (let at = 0; at < data.length; at += 4) {
      const name = `${data[at]},${data[at + 1]},${data[at + 2]}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }, png.toString("base64"));
}

/** How each series looks, as drawn and as its legend shows it: colour, shape of its mark, pattern of its line. */
function readSeries(figures: (HTMLElement | SVGElement)[]): { id: string; drawn: string[]; legend: string[] }[] {
  const look = (group: Element) => {
    const mark = group.querySelector(".mark"); // bars have none: their colour alone tells
    const line = group.querySelector("path.line");
    const dashes = line === null ? "" : getComputedStyle(line).strokeDasharray;
    return [getComputedStyle(group).color, mark?.tagName, mark?.getAttribute("class"), dashes].join(" ");
  };
  return figures.map((figure) => ({
    id: figure.id,
    drawn: [...figure.querySelectorAll("svg:not(.sample) g[class^=s]")].map(look),
    legend: [...figure.querySelectorAll(".legend li")].map(look),
  }));
}

const IDS = ["latency", "throughput", "cost", "size", "latency-cold", "cache-deepseek-v4-1-flash", "compute-linear"];

test("the report has every plot that its figures allow", () => {
  expect(reportPlots(report).map(({ id }) => id.replaceAll(".", "-"))).toEqual(IDS);
});

test.each(["light", "dark"] as const)(
  "every plot is drawn in %s",
  async (colorScheme) => {
    const context = await browser.newContext({
      colorScheme,
      viewport: { width: 1_100, height: 900 },
      deviceScaleFactor: 2,
    });
    const page = await context.newPage();
    const asked: string[] = [];
    const problems: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(pathToFileURL(path).href);
    const figures = page.locator("figure.plot");
    expect(await figures.count()).toBe(IDS.length);
    for (let i = 0; i < IDS.length; i++) {
      const figure = figures.nth(i);
      const series = await figure.locator("svg g[class^=s]").count();
      const counts = await colours(page, await figure.locator("> svg").screenshot());
      const [background, ...drawn] = Object.entries(counts).sort(([, a], [, b]) => b - a);
      const [red = 0] = (background?.[0] ?? "").split(",").map(Number);
      expect(colorScheme === "light" ? red > 200 : red < 60, `${IDS[i]}: background ${background?.[0]}`).toBe(true);
      // lines, marks, axes and letters: thousands of pixels that are not paper, in the colour of every series
      expect(
        drawn.reduce((sum, [, pixels]) => sum + pixels, 0),
        IDS[i],
      ).toBeGreaterThan(3_000);
      const inks = await figure
        .locator("svg g[class^=s]")
        .evaluateAll((all) => all.map((one) => getComputedStyle(one).color));
      expect(inks).toHaveLength(series);
      for (const ink of inks) {
        const name = ink.replace(/rgb\((.*)\)/, "$1").replaceAll(" ", "");
        expect(counts[name] ?? 0, `${IDS[i]}: pixels of ${ink}`).toBeGreaterThan(20);
      }
    }
    const plots = await page.locator("figure.plot").evaluateAll(readSeries);
    expect(Object.fromEntries(plots.map(({ id, drawn }) => [id, drawn.length]))).toMatchObject({
      throughput: 14,
      size: 14,
    });
    for (const { id, drawn, legend } of plots) {
      if (legend.length === 0) continue;
      if (id === "throughput" || id === "size") expect(new Set(drawn).size, `${id}: series that look alike`).toBe(14);
      for (const look of drawn) expect(legend, `${id}: the legend shows what is drawn`).toContain(look);
      expect(new Set(legend).size).toBe(legend.length);
    }
    expect(asked).toEqual([pathToFileURL(path).href]);
    expect(problems).toEqual([]);
    await context.close();
  },
  120_000,
);

test("the page prints, on white paper, with every plot", async () => {
  const page = await browser.newPage({ colorScheme: "dark" });
  await page.goto(pathToFileURL(path).href);
  await page.emulateMedia({ media: "print" });
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(paper).toBe("rgb(255, 255, 255)");
  const [small, whole] = [await page.pdf({ pageRanges: "1" }), await page.pdf()];
  expect(whole.subarray(0, 5).toString()).toBe("%PDF-");
  expect(whole.length).toBeGreaterThan(small.length);
  await page.close();
}, 120_000);

test("nothing of the page is cut off on a telephone", async () => {
  const page = await browser.newPage({ viewport: { width: 375, height: 700 } });
  await page.goto(pathToFileURL(path).href);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(375);
  await page.close();
}, 120_000);
