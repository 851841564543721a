// The steps of the quickstart: each is run with a progress line, timed, and told of in a line of the summary.

import { progressLine } from "@engram-ts/cli";

/** A step that was done. */
export interface QuickstartStep {
  readonly step: string;
  readonly seconds: number;
  readonly what: string;
}

/** Runs steps one after the other. */
export interface QuickstartSteps {
  readonly steps: readonly QuickstartStep[];
  timed<T>(
    step: string,
    run: (report: (note: string) => void) => T | Promise<T>,
    what: (result: T) => string,
  ): Promise<T>;
}

/** No steps yet. */
export function quickstartSteps(): QuickstartSteps {
  const progress = progressLine(process.stderr);
  const steps: QuickstartStep[] = [];
  return {
    steps,
    async timed(step, run, what) {
      const { result, seconds } = await progress.step(step, run);
      steps.push({ step, seconds, what: what(result) });
      return result;
    },
  };
}
