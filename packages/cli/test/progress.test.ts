// Progress lines: numbers as people read them, a bar that is rewritten on a terminal, and quiet logs elsewhere.

import { describe, expect, it } from "vitest";
import { byteText, durationText, progressReporter, progressText } from "../src/progress.js";

/** A stream that keeps what is written, and a clock turned by hand. */
function stand(isTTY: boolean): {
  written: string[];
  clock: { ms: number };
  reporter: ReturnType<typeof progressReporter>;
} {
  const written: string[] = [];
  const clock = { ms: 0 };
  const stream = { isTTY, columns: 120, write: (text: string) => written.push(text) };
  return { written, clock, reporter: progressReporter(stream, () => clock.ms) };
}

describe("progressReporter", () => {
  it("rewrites one line on a terminal, at most ten times a second", () => {
    const { written, clock, reporter } = stand(true);
    const step = reporter.start("layer 1", 1e9, 2e8);
    step.report(2e8);
    clock.ms = 50;
    step.report(3e8);
    clock.ms = 1000;
    step.report(6e8);
    expect(written.map((line) => line.slice(0, 4))).toEqual(["\r\x1b[K", "\r\x1b[K"]);
    expect(written[1]).toContain("60.0 %  600 MB of 1.00 GB  400 MB/s  0:01 left");
    clock.ms = 2000;
    step.end(1e9);
    expect(written.at(-1)).toBe("layer 1: 800 MB in 2.0 s, 400 MB/s\n");
  });

  it("writes a line every ten seconds elsewhere, none for short work", () => {
    const { written, clock, reporter } = stand(false);
    const step = reporter.start("layer 1", 100);
    for (const ms of [0, 5000, 9999, 10_000, 15_000, 20_000]) {
      clock.ms = ms;
      step.report(ms / 1000);
    }
    expect(written).toHaveLength(2);
    expect(written.join("")).not.toContain("\x1b");
    reporter.note("hello");
    expect(written.at(-1)).toBe("hello\n");
  });
});

describe("progressText", () => {
  it("bears empty and finished work", () => {
    expect(progressText("x", { done: 0, from: 0, total: 0, seconds: 0 })).toContain("100.0 %");
    expect(progressText("x", { done: 5, from: 5, total: 10, seconds: 1 })).toContain("50.0 %");
    expect(progressText("x", { done: 10, from: 0, total: 10, seconds: 1 })).toContain("0:00 left");
  });
});

it("byteText and durationText write what people read", () => {
  expect([0, 999, 999.6, 1000, 12_345, 99_960, 1_999_499, 9.994e9, 2e12].map(byteText)).toEqual([
    "0 B",
    "999 B",
    "1.00 kB",
    "1.00 kB",
    "12.3 kB",
    "100 kB",
    "2.00 MB",
    "9.99 GB",
    "2.00 TB",
  ]);
  expect([0, 0.1, 59, 61, 3599.2, 3661, 1e9].map(durationText)).toEqual([
    "0:00",
    "0:01",
    "0:59",
    "1:01",
    "1:00:00",
    "1:01:01",
    "999:59:59",
  ]);
});
