// A report that goes on where another one ended: what that one measured is taken over, on the same machine and the same text,
// and not measured again. Not here: leaving out what is there already (suites/run-suites.ts).

import { EngramError } from "@engram-ts/core";
import { wantOfTime } from "./left-out.js";
import type { BenchReport, Sitting } from "./report.js";

/**
 * Checks that a run may go on with a report.
 * @param trace digest of the run's own trace.
 * @throws EngramError `invalid-argument` for a report of another machine or of another text.
 */
export function checkContinues(
  before: BenchReport,
  { machine, trace }: { readonly machine: BenchReport["machine"]; readonly trace: string },
): void {
  for (const fact of ["cpu", "cores", "memoryBytes", "platform"] as const) {
    const [was, is] = [before.machine[fact], machine[fact]];
    if (was !== is) throw refused(`its ${fact} is ${was}, and here it is ${is}; figures of two machines do not mix`);
  }
  if (before.traces.some(({ sha256 }) => sha256 === trace)) return;
  throw refused("it was measured with another text or with more or fewer tokens; give the same options");
}

/** Both as one report. */
export function continuedReport(before: BenchReport, now: BenchReport): BenchReport {
  const measured = new Set([...before.cells, ...now.cells].map(({ id }) => id));
  const said = new Set(now.leftOut.map(({ what }) => what));
  const left = before.leftOut.filter((one) => !wantOfTime(one) && !said.has(one.what));
  const traces = new Map([...before.traces, ...now.traces].map((trace) => [trace.sha256, trace]));
  return {
    ...now,
    started: before.started,
    seconds: before.seconds + now.seconds,
    command: before.command,
    machine: { ...before.machine, versions: { ...before.machine.versions, ...now.machine.versions } },
    traces: [...traces.values()],
    cells: [...before.cells, ...now.cells],
    curves: [...before.curves, ...now.curves],
    leftOut: [...left, ...now.leftOut].filter(({ what }) => !measured.has(what)),
    sittings: [...(before.sittings ?? [sitting(before)]), sitting(now)],
  };
}

function sitting({ started, seconds, command, machine: { commit }, cells }: BenchReport): Sitting {
  return { started, seconds, command, ...(commit === undefined ? {} : { commit }), cells: cells.length };
}

function refused(why: string): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation: "engram-bench --continue",
    message: `the report cannot be continued here: ${why}`,
  });
}
