import fc from "fast-check";
import { expect, it } from "vitest";
import { MAX_RUN_BYTES, pageRuns } from "../src/page-runs.js";

it("brings every page by one read that touches it, and reads no more than it may", () => {
  const pages = fc.uniqueArray(fc.nat(3_000), { maxLength: 700 }).map((all) => all.map((page) => page * 4_096));
  fc.assert(
    fc.property(pages, (all) => {
      const { offsets, lengths, starts, order } = pageRuns(all);
      expect(starts.length).toBe(offsets.length + 1);
      expect(starts[0]).toBe(0);
      expect(starts.at(-1)).toBe(all.length);
      expect([...order].sort((a, b) => a - b)).toEqual(all.map((_, i) => i));
      offsets.forEach((offset, run) => {
        const length = lengths[run] ?? 0;
        expect(length).toBeGreaterThan(0);
        expect(length).toBeLessThanOrEqual(MAX_RUN_BYTES);
        const own = [...order.subarray(starts[run], starts[run + 1])].map((i) => all[i] ?? -1);
        for (const page of own) {
          expect(page).toBeGreaterThanOrEqual(offset);
          expect(page).toBeLessThan(offset + length);
        }
        expect(Math.max(...own)).toBe(offset + length - 1); // nothing behind the last page
      });
    }),
    { numRuns: 60 },
  );
});

it("puts neighbours together in large batches, and leaves distant pages and small batches alone", () => {
  const near = Array.from({ length: 640 }, (_, i) => i * 2 * 4_096);
  expect(pageRuns(near).offsets.length).toBeLessThan(25);
  expect(pageRuns(near.slice(0, 255)).offsets.length).toBe(255);
  expect(pageRuns(near.map((page) => page * 10)).offsets.length).toBe(640);
  expect(pageRuns([]).offsets).toEqual([]);
});
