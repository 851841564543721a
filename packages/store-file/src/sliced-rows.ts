// A large batch that the system's cache is believed to hold: read in this thread, as small ones are, but ahead of the
// gather and a slice a turn of the event loop, so that nothing else waits for long. From the first slow slice on, what is
// left is the thread pool's.

import { decodeRows, type TicketSource } from "@engram-ts/core";
import { isSlow, readRows } from "./direct-rows.js";
import { fileError } from "./file-error.js";
import type { FileScope } from "./file-scope.js";
import { PlannedRows } from "./planned-rows.js";

/** Rows of a turn: 1 to 2 milliseconds from the cache. */
const SLICE_ROWS = 1024;

/** A batch read slice by slice. */
export class SlicedRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly loading: Promise<void>;
  readonly #scope: FileScope;
  readonly #rowIds: Uint32Array;
  readonly #priority: number;
  #rows: Uint8Array;
  #read = 0;
  #over = false;

  /** @param rowIds the source's to keep. */
  constructor(scope: FileScope, rowIds: Uint32Array, priority: number) {
    this.length = rowIds.length;
    this.rowBytes = scope.locations.rowBytes;
    this.width = scope.encoding.width;
    this.#scope = scope;
    this.#rowIds = rowIds;
    this.#priority = priority;
    this.#rows = new Uint8Array(rowIds.length * this.rowBytes);
    this.loading = this.#load();
  }

  gather(out: Uint8Array): void {
    out.set(this.#rows);
  }

  decode(out: Float32Array): void {
    decodeRows(this.#scope.encoding, this.#rows, out);
  }

  zeroMissing(): number {
    this.#over = true;
    this.#rows.fill(0, this.#read * this.rowBytes);
    return this.length - this.#read;
  }

  free(): void {
    this.#over = true;
    this.#rows = new Uint8Array(0);
  }

  async #load(): Promise<void> {
    while (!this.#over && this.#read < this.length) {
      if (this.#scope.broken !== undefined) throw this.#scope.broken;
      const until = Math.min(this.length, this.#read + SLICE_ROWS);
      const ids = this.#rowIds.subarray(this.#read, until);
      const before = performance.now();
      try {
        readRows(this.#scope, ids, ids.length, this.#rows.subarray(this.#read * this.rowBytes, until * this.rowBytes));
      } catch (cause) {
        throw fileError(cause, "store.prefetch", this.#scope.folder);
      }
      this.#read = until;
      if (this.#scope.heat.isDisk(isSlow(performance.now() - before, ids.length))) {
        this.#scope.heat.cool();
        return this.#loadRest();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #loadRest(): Promise<void> {
    const from = this.#read;
    const rest = new PlannedRows(this.#scope, this.#rowIds.subarray(from), "async", this.#priority);
    try {
      await rest.loading;
      if (this.#over) return;
      rest.gather(this.#rows.subarray(from * this.rowBytes));
      this.#read = this.length;
    } finally {
      rest.free();
    }
  }
}
