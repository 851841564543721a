// The advisor on a report whose figures are known: it chooses the cheapest placement that meets the target on the host, and
// names what it rests on.

import { expect, test } from "vitest";
import { placementOptions, type Question } from "../../src/advise/options.js";
import { adviceText } from "../../src/commands/advise-command.js";
import { DEFAULT_PRICES, parsePrices } from "../../src/report/prices.js";
import { madeUpReport } from "../bench-report.js";

const large = { memoryBytes: 2 ** 40, diskBytes: 2 ** 41, cores: 32 };
const ask = (tokensPerSecond: number, host = large): Question => ({
  preset: "deepseek-v4.1-flash",
  tokensPerSecond,
  host,
  prices: DEFAULT_PRICES,
});
const best = (question: Question) => placementOptions(madeUpReport(), question)[0];

test("a low target is met from the disk, a little memory before it, which is cheapest", () => {
  expect(best(ask(100))).toMatchObject({ placement: "file behind 16 MiB of memory", meets: true });
});

test("a target that the disk does not reach is met from memory, and costs more", () => {
  const option = best(ask(100_000));
  expect(option).toMatchObject({ placement: "all rows in memory", meets: true });
  expect(option?.costOfMonth).toBeGreaterThan(best(ask(100))?.costOfMonth ?? 0);
});

test("a host without the memory or the disk meets nothing, and is told why", () => {
  const options = placementOptions(
    madeUpReport(),
    ask(100_000, { ...large, memoryBytes: 2 ** 34, diskBytes: 2 ** 34 }),
  );
  expect(options.some(({ meets }) => meets)).toBe(false);
  expect(options.find(({ placement }) => placement === "all rows in memory")?.why).toMatch(
    /^needs 2\d\d GiB of memory$/,
  );
  // the nearest first: what needs least more of what is scarcest
  const shortfalls = options.map(({ shortfall }) => shortfall);
  expect(shortfalls).toEqual([...shortfalls].sort((a, b) => a - b));
  expect(shortfalls[0]).toBeGreaterThan(1);
});

test("every placement names the cells that it rests on, and they are in the report", () => {
  const report = madeUpReport();
  const ids = new Set([...report.cells, ...report.curves].map(({ id }) => id));
  const options = placementOptions(report, ask(100));
  expect(options.length).toBeGreaterThan(4);
  for (const { evidence } of options) {
    expect(evidence.length).toBeGreaterThan(0);
    for (const { id } of evidence) expect(ids).toContain(id);
  }
});

test("a tier that is slower is able to bring less, and a cold cell that was not cold is not used", () => {
  const rate = (slower: number) =>
    placementOptions(madeUpReport({ slower: { file: slower } }), ask(100)).find(
      ({ placement }) => placement === "file, read from the disk",
    )?.greatestTokensPerSecond ?? 0;
  expect(rate(1) / rate(2)).toBeCloseTo(2, 5);
  const held = madeUpReport();
  const cells = held.cells.map((cell) => ({
    ...cell,
    contestants: cell.contestants.map((one) => ({ ...one, residentShare: 0.9 })),
  }));
  const names = placementOptions({ ...held, cells }, ask(100)).map(({ placement }) => placement);
  expect(names).not.toContain("file, read from the disk");
  expect(names).toContain("all rows in memory");
});

test("the answer reads as a sentence first, and says so where a report has no tiers", () => {
  const question = ask(100);
  expect(adviceText(question, placementOptions(madeUpReport(), question))).toMatch(
    /Put it: file behind 16 MiB of memory\./,
  );
  expect(adviceText(question, placementOptions({ ...madeUpReport(), cells: [] }, question))).toContain(
    "run engram-bench tiers first",
  );
});

test("prices come as pairs or as JSON, and what is not understood is refused", () => {
  expect(parsePrices("coreHour=0.1, currency=EUR")).toEqual({ ...DEFAULT_PRICES, coreHour: 0.1, currency: "EUR" });
  expect(parsePrices('{"diskGibMonth": 0}')).toEqual({ ...DEFAULT_PRICES, diskGibMonth: 0 });
  for (const text of ["coreHour", "unknown=1", "coreHour=-1", "coreHour=x", "{"]) {
    expect(() => parsePrices(text)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  }
});
