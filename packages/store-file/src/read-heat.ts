// Whether reads come from the system's cache, as far as the last ones tell. Reading such rows takes a microsecond each,
// and a promise takes more; reading others blocks for as long as a disk takes, so one slow batch is enough to turn back.
// Time alone does not tell a disk from a busy machine: a read that took long is believed to be a disk's where the process
// has read blocks meanwhile (`getrusage` counts them), or where it happens again and again, as on network file systems.

/** Batches in a row that were read without a slow read, before reading is put off until rows are gathered. */
const WARM_BATCHES = 4;
/** Slow reads in a row that are believed without a block having been read. */
const STRIKES = 16;

/** A guess about the next batch. */
export interface ReadHeat {
  /** Whether rows are read when they are gathered, in the caller's thread. */
  readonly hot: boolean;
  /** Remembers how many blocks were read so far. */
  look(): void;
  /** Whether a read, or a few, came from a disk; `slow` says that they took long. */
  isDisk(slow: boolean): boolean;
  /** A batch came from the cache. */
  warm(): void;
  /** A batch did not. */
  cool(): void;
}

/**
 * Cold at first.
 * @param blocksRead how many blocks the process has read so far.
 */
export function readHeat(blocksRead = () => process.resourceUsage().fsRead): ReadHeat {
  let batches = 0;
  let strikes = 0;
  let blocks = 0;
  return {
    get hot() {
      return batches >= WARM_BATCHES;
    },
    look() {
      blocks = blocksRead();
    },
    isDisk(slow) {
      if (!slow) {
        strikes = 0;
        return false;
      }
      const before = blocks;
      blocks = blocksRead();
      return blocks !== before || ++strikes >= STRIKES;
    },
    warm() {
      batches++;
      strikes = 0;
    },
    cool() {
      batches = 0;
      strikes = 0;
    },
  };
}
