// Results of cells as lines of one file, cells.jsonl: each is appended in one write when its cell ends, so that a run that is
// killed loses no more than the cells under way. A line that was cut short is passed over, and written anew.

import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CellResult } from "../cell.js";

/** The file's name. */
const RESULTS_FILE = "cells.jsonl";

const NEWLINE = 10;

/** Results that are stored, the last one of each cell. */
export function readResults(folder: string): ReadonlyMap<string, CellResult> {
  const path = join(folder, RESULTS_FILE);
  const results = new Map<string, CellResult>();
  if (!existsSync(path)) return results;
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const result = parsed(line);
    if (result !== undefined) results.set(result.cell.id, result);
  }
  return results;
}

/** Stores a result. */
export function appendResult(folder: string, result: CellResult): void {
  const path = join(folder, RESULTS_FILE);
  mkdirSync(dirname(path), { recursive: true });
  // a line that a crash cut short has no end: this one begins on its own
  const torn = existsSync(path) && readFileSync(path).at(-1) !== NEWLINE;
  appendFileSync(path, `${torn ? "\n" : ""}${JSON.stringify(result)}\n`);
}

function parsed(line: string): CellResult | undefined {
  try {
    const found = JSON.parse(line) as Partial<CellResult> | null; // looked at before it is believed
    const whole =
      typeof found?.cell?.id === "string" && typeof found.digest === "string" && found.heldOut !== undefined;
    return whole ? (found as CellResult) : undefined;
  } catch {
    return undefined;
  }
}
