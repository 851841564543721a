// Time as wrappers use it, so that tests can turn the clock by hand.

/** A clock and its timers. */
export interface TimeSource {
  /** Milliseconds, never going back. */
  now(): number;
  /** Runs once after `ms` milliseconds; the function returned calls that off. */
  after(ms: number, run: () => void): () => void;
}

/** The clock of the machine. */
export const systemTime: TimeSource = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
