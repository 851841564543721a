// Metrics of a run as JSON lines, one a step, appended as they come. A run that is resumed drops the lines of steps that
// it takes again, and a line that a crash cut short.

import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isEngramError } from "@engram-ts/core";
import { fileError } from "../data/file-error.js";

const OPERATION = "metricsFile";

/** A file of metrics. */
export interface MetricsFile {
  /** Appends a line. `kind` tells lines apart: `step` by default, or another one's, as `evaluation`. */
  write(line: { readonly step: number; readonly kind?: string }): Promise<void>;
}

/**
 * Opens a file of metrics, and makes it where it is not there.
 * @param options `step`: the steps that the run has taken; lines of later ones are dropped.
 * @throws EngramError `out-of-space`, `permission-denied`, `io`.
 */
export async function metricsFile(path: string, { step }: { readonly step: number }): Promise<MetricsFile> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const before = await textOf(path);
    const kept = before.split("\n").filter((line) => stepOf(line) <= step);
    await writeFile(`${path}.new`, kept.map((line) => `${line}\n`).join(""));
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw fileError(cause, path, OPERATION);
  }
  return {
    async write(line) {
      try {
        await appendFile(path, `${JSON.stringify({ kind: "step", ...line })}\n`);
      } catch (cause) {
        throw fileError(cause, path, OPERATION);
      }
    },
  };
}

/** What is there already. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (isEngramError(fileError(cause, path, OPERATION), "not-found")) return "";
    throw cause;
  }
}

/** The step of a line; above all where it is none. */
function stepOf(line: string): number {
  try {
    const found: unknown = JSON.parse(line);
    if (typeof found === "object" && found !== null && "step" in found && typeof found.step === "number")
      return found.step;
  } catch {
    // cut short
  }
  return Number.POSITIVE_INFINITY;
}
