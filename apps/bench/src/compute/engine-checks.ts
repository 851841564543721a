// Checks of an engine's operations as a part of a comparison: each engine in a process of its own, all at once, since most
// of the time is the reference's. The checks themselves come from the program that runs this (`check` as its verb).

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What the checks of one engine found. */
export interface CheckReport {
  readonly engine: string;
  /** The row of the table of tolerances that its errors were held against. */
  readonly tolerance: string;
  readonly cases: number;
  readonly forward: number;
  readonly backward: number;
  readonly worst: number;
  readonly worstAbout: string;
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

/** An engine's name, its tolerance, and whether it is checked backward, too. */
export type CheckSetting = readonly [engine: string, tolerance: string, directions: "both" | "forward"];

/** Runs this program's checks on each setting. One whose process ends early, or does not end, has failed there. */
export async function runChecks(settings: readonly CheckSetting[], seconds: number): Promise<CheckReport[]> {
  const reports = await Promise.all(settings.map((setting) => checkOne(setting, seconds)));
  for (const report of reports)
    console.log(`checks ${JSON.stringify({ ...report, failures: report.failures.length })}`);
  return reports;
}

async function checkOne([engine, tolerance, directions]: CheckSetting, seconds: number): Promise<CheckReport> {
  const [, program = ""] = process.argv;
  const child = spawn(process.execPath, [program, "check", engine, tolerance, directions], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors = (errors + text.toString()).slice(-4_000);
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1e3);
  const failures: { name: string; message: string }[] = [];
  let running = "the start";
  let cases = 0;
  let counts = { forward: 0, backward: 0, worst: 0, worstAbout: "none" };
  let over = false;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith("{")) continue; // what a library had to say
      const told = JSON.parse(line) as CheckLine; // our own program's
      if ("begins" in told) running = told.begins;
      else if ("failed" in told) failures.push({ name: running, message: told.failed });
      else over = true;
      if ("counts" in told) {
        cases = told.cases;
        counts = told.counts;
      }
    }
  } finally {
    clearTimeout(timer);
  }
  if (!over) {
    const last = errors.trim().split("\n").at(-1) ?? "";
    failures.push({ name: running, message: `its process ended, or was ended after ${seconds} s: ${last}` });
  }
  return { engine, tolerance, cases, ...counts, failures };
}

/** What the checking process says, a line each. */
export type CheckLine =
  | { readonly begins: string; readonly cases: number; readonly counts: CheckCounts }
  | { readonly failed: string }
  | { readonly over: true; readonly cases: number; readonly counts: CheckCounts };

/** What was compared so far. */
export interface CheckCounts {
  readonly forward: number;
  readonly backward: number;
  readonly worst: number;
  readonly worstAbout: string;
}
