// Where a step's time goes, by the clock on the wall: phases one after the other, so that they sum to the step. What is
// done while the backend computes is inside `graph`, and counted in `hidden` besides. Not here: what the phases do.

/** Phases of a step. */
export const STEP_PHASES = ["data", "rows", "upload", "record", "graph", "rowUpdate"] as const;

/** One of {@link STEP_PHASES}. */
export type StepPhase = (typeof STEP_PHASES)[number];

/** Seconds of a step, by phase. */
export type StepSeconds = Readonly<Record<StepPhase, number>> & {
  /** The whole step. */
  readonly total: number;
  /** Data and rows of the next step, and moments, made, read and written while the backend computed; part of `graph`. */
  readonly hidden: number;
};

/** Measures one step. */
export interface StepClock {
  /** From now on time belongs to a phase. */
  enter(phase: StepPhase): void;
  /** Adds to what was hidden behind the graph. */
  hide(seconds: number): void;
  /** Ends the step. */
  seconds(): StepSeconds;
}

/** Starts a clock. @param now milliseconds. */
export function stepClock(now: () => number = () => performance.now()): StepClock {
  const spent = { data: 0, rows: 0, upload: 0, record: 0, graph: 0, rowUpdate: 0 };
  const start = now();
  let since = start;
  let phase: StepPhase = "data";
  let hidden = 0;
  const enter = (next: StepPhase): void => {
    const at = now();
    spent[phase] += (at - since) / 1000;
    since = at;
    phase = next;
  };
  return {
    enter,
    hide(seconds) {
      hidden += seconds;
    },
    seconds() {
      enter(phase);
      return { ...spent, hidden, total: (since - start) / 1000 };
    },
  };
}
