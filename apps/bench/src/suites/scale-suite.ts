// The suite `scale`: what a row costs as the table grows, from tables that the processor's caches hold to as many rows as the
// disk has room for, hot and cold, the same tokens each time.

import { statfsSync } from "node:fs";
import { tableInfo } from "@engram-ts/core";
import { canDropFiles } from "../machine/page-cache.js";
import { shortCount } from "../report/numbers.js";
import { sizedAddressing } from "../traces/trace-rows.js";
import type { Suite, SuiteContext } from "./suite.js";
import { rowCell } from "./tiers-suite.js";

/** Copies of a table: a file, LMDB, and what peers make of it. */
const COPIES = 4;
/** Part of the free disk that tables may take. */
const SHARE = 0.6;
/** Sizes as powers of two: from what a processor's caches hold to what 32-bit row ids can name. */
const POWERS = [14, 16, 18, 20, 22, 24, 26, 28, 30];

/** The suite. */
export const scaleSuite: Suite = {
  name: "scale",
  description: "cost of a row as the table grows, hot and cold; --rows 1M,16M,... sets the sizes",
  plan(context) {
    const [preset = "deepseek-v4.1-flash"] = context.presets;
    const states = canDropFiles() ? (["hot", "cold"] as const) : (["hot"] as const);
    const cells = sizes(context).flatMap((rows, i) =>
      states.map((state) => {
        const sized = sizedAddressing(preset, rows);
        const priority = i + (state === "hot" ? 1 : 3);
        return rowCell("scale", { access: "decode", state, sequences: 1, sized, priority }, context);
      }),
    );
    return { cells };
  },
};

/** Sizes asked for, or four times the last while they fit on the disk; those that do not are named. */
function sizes(context: SuiteContext): number[] {
  const { folder, quick, presets } = context;
  const asked = context.sizesGiven
    ? context.rows
    : quick
      ? [2 ** 14, 2 ** 16, 2 ** 18]
      : POWERS.map((power) => 2 ** power);
  const { bavail, bsize } = statfsSync(folder);
  const { encoding } = sizedAddressing(presets[0] ?? "deepseek-v4.1-flash", 64);
  const { rowBytes } = tableInfo({ rows: 1, encoding });
  const ordered = asked.toSorted((a, b) => a - b);
  const fitting = ordered.filter((rows) => rows * rowBytes * COPIES <= bavail * bsize * SHARE);
  const large = ordered[fitting.length];
  if (large !== undefined) {
    context.leaveOut({ what: `scale to ${shortCount(large)} rows and more`, why: "the disk has no room for it" });
  }
  return fitting;
}
