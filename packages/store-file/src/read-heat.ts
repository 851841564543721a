// Whether reads come from the system's cache, as far as the last ones tell. Reading such rows takes a microsecond each,
// and a promise takes more; reading others blocks for as long as a disk takes, so one slow batch is enough to turn back.

/** Batches in a row that were read without a slow read, before reading is put off until rows are gathered. */
const WARM_BATCHES = 4;

/** A guess about the next batch. */
export interface ReadHeat {
  /** Whether rows are read when they are gathered, in the caller's thread. */
  readonly hot: boolean;
  /** A batch came from the cache. */
  warm(): void;
  /** A batch did not. */
  cool(): void;
}

/** Cold at first. */
export function readHeat(): ReadHeat {
  let batches = 0;
  return {
    get hot() {
      return batches >= WARM_BATCHES;
    },
    warm() {
      batches++;
    },
    cool() {
      batches = 0;
    },
  };
}
