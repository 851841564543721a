// What a step says of itself: a line of the metrics file, and what a progress line is made from. Plain data.

import type { StepSeconds } from "./step-clock.js";

/** A step that was taken. */
export interface StepMetrics {
  /** From 1. */
  readonly step: number;
  /** Of the whole run. */
  readonly steps: number;
  /** Nats, the mean over the step's targets, before the step changed anything. */
  readonly loss: number;
  /** The global norm before clipping. */
  readonly gradientNorm: number;
  /** Of AdamW. */
  readonly learningRate: number;
  /** Tokens of the step's batches. */
  readonly tokens: number;
  /** Rows that were changed, over all tables. */
  readonly rows: number;
  /** The greatest load of an expert over the mean, the worst of all blocks; 1 where there are no experts. */
  readonly imbalance: number;
  readonly seconds: StepSeconds;
  readonly tokensPerSecond: number;
  /** To the end of the run, at the pace of the last steps. */
  readonly secondsLeft: number;
}

/** One line for people. */
export function progressLine(metrics: StepMetrics): string {
  const { step, steps, loss, learningRate, gradientNorm, tokensPerSecond, secondsLeft } = metrics;
  const share = Math.floor((100 * step) / steps);
  const rate = Math.round(tokensPerSecond).toLocaleString("en-US");
  return `step ${step}/${steps} (${share} %)  loss ${loss.toFixed(4)}  norm ${gradientNorm.toPrecision(3)}  rate ${learningRate.toExponential(2)}  ${rate} tokens/s  ${clockText(secondsLeft)} left`;
}

/** `1:02:03` or `2:03`. */
function clockText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
