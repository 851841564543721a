// A training run as comparisons see it, on an engine of this package or in PyTorch: it takes steps, is evaluated, and shows
// its values. Types alone.

/** Steps taken one after the other. */
export interface TrainingWindow {
  /** Of all of them, with all that they do to data, rows and optimizers. */
  readonly ns: number;
  /** Of each step, before it changed anything. */
  readonly losses: readonly number[];
  /** Of each step's gradients, before they were clipped. */
  readonly norms: readonly number[];
  /** Seconds by phase, of all of them; the trainer's phases, and `hidden`, which is inside `graph`. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** A run at some step. */
export interface TrainingRun {
  /** Takes the next steps. */
  steps(count: number): Promise<TrainingWindow>;
  /** The mean loss of the held-out text, in nats. */
  evaluate(): Promise<number>;
  /** The values of a parameter by its name, or of a table by its block's number. */
  values(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** The size of a step's batch: sequences of equal length, all of which see only themselves. */
export interface BatchSize {
  readonly rows: number;
  readonly length: number;
}
