// Progress of long work, for people: a bar with rate and time left on a terminal, rewritten in place; elsewhere a line now
// and then, so that logs stay short. Goes to standard error, never to standard output. With --json nothing is shown.

import { groupDigits } from "./command-output.js";

/** Shows how far one step is. */
export interface Progress {
  /** So much of the total is done. */
  report(doneBytes: number): void;
  /** The step is over; its line stays, with the average rate. */
  end(doneBytes: number): void;
}

/** Shows steps one after the other. */
export interface ProgressReporter {
  /** Starts a step of `totalBytes`; `from` of them were done before. */
  start(name: string, totalBytes: number, from?: number): Progress;
  /** One line that stays. */
  note(text: string): void;
}

const BAR = 24;
/** A reader sees ten a second; more would slow what is shown. */
const TERMINAL_MS = 100;
const LOG_MS = 10_000;

/** Where progress is written: standard error, or a stand-in for it. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Progress on a stream such as standard error; `now` in milliseconds. */
export function progressReporter(
  stream: ProgressStream,
  now: () => number = () => performance.now(),
): ProgressReporter {
  const terminal = stream.isTTY === true;
  const show = (text: string): void => {
    stream.write(terminal ? `\r\x1b[K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}` : `${text}\n`);
  };
  return {
    start(name, totalBytes, from = 0) {
      const began = now();
      let shown = terminal ? Number.NEGATIVE_INFINITY : began;
      return {
        report(done) {
          const at = now();
          if (at - shown < (terminal ? TERMINAL_MS : LOG_MS)) return;
          shown = at;
          show(progressText(name, { done, from, total: totalBytes, seconds: (at - began) / 1000 }));
        },
        end(done) {
          const seconds = (now() - began) / 1000;
          const rate = `${byteText((done - from) / Math.max(seconds, 1e-3))}/s`;
          if (terminal) stream.write("\r\x1b[K");
          stream.write(`${name}: ${byteText(done - from)} in ${seconds.toFixed(1)} s, ${rate}\n`);
        },
      };
    },
    note(text) {
      if (terminal) stream.write("\r\x1b[K");
      stream.write(`${text}\n`);
    },
  };
}

/** Shows nothing. */
export const silentProgress: ProgressReporter = {
  start: () => ({ report() {}, end() {} }),
  note() {},
};

/** One line: name, bar, per cent, bytes, rate, time left. */
export function progressText(
  name: string,
  { done, from, total, seconds }: { done: number; from: number; total: number; seconds: number },
): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * BAR);
  const rate = seconds > 0 ? (done - from) / seconds : 0;
  const left = rate > 0 ? `${durationText((total - done) / rate)} left` : "";
  const bar = `[${"#".repeat(filled)}${"-".repeat(BAR - filled)}]`;
  return `${name} ${bar} ${(share * 100).toFixed(1)} %  ${byteText(done)} of ${byteText(total)}  ${byteText(rate)}/s  ${left}`.trimEnd();
}

/** Bytes for people: decimal, as disks and networks are sold. */
export function byteText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0
    ? `${groupDigits(Math.round(value))} B`
    : `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** A duration: 0:07, 12:34, 3:04:05. */
export function durationText(seconds: number): string {
  const whole = Math.min(Math.ceil(seconds), 3_599_999);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
