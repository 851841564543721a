// A clock that the test turns by hand.

import type { TimeSource } from "@engram-ts/core";
import { turn } from "./scripted-store.js";

/** A clock at 0 that stands still until it is turned. */
export interface HandClock extends TimeSource {
  /** When each timer that waits is due, soonest first. */
  readonly due: readonly number[];
  /** Goes on, runs the timers that fall due in their order, and lets promises settle after each. */
  advance(ms: number): Promise<void>;
}

export function handClock(): HandClock {
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers = [...timers, timer].sort((a, b) => a.at - b.at);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    get due() {
      return timers.map(({ at }) => at);
    },
    async advance(ms) {
      const end = now + ms;
      for (let next = timers[0]; next !== undefined && next.at <= end; next = timers[0]) {
        now = next.at;
        timers = timers.slice(1);
        next.run();
        await turn();
      }
      now = end;
    },
  };
}
