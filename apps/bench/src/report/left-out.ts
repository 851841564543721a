// What was left out, as people read it: cells for which there was no time are many, and stand together by suite; all else
// stands alone. report.json has each.

import type { LeftOut } from "./report.js";

/** Whether nothing else was missing. */
export function wantOfTime({ why }: LeftOut): boolean {
  return /^(no time was left|the time was over|the run was interrupted)/.test(why);
}

/** Lines, in the order of what was left out. */
export function leftOutItems(leftOut: readonly LeftOut[]): readonly LeftOut[] {
  const bySuite = new Map<string, string[]>();
  const alone = leftOut.filter((left) => {
    if (!wantOfTime(left)) return true;
    const { what } = left;
    const [suite = what] = what.split(/[/,]/);
    bySuite.set(suite, [...(bySuite.get(suite) ?? []), what.slice(suite.length + 1).trim()]);
    return false;
  });
  const together = [...bySuite].map(([suite, names]) => ({
    what: `${suite}, for want of time, ${names.length === 1 ? "one cell" : `${names.length} cells`}`,
    why: names.join("; "),
  }));
  return [...alone, ...together];
}
