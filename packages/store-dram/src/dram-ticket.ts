// What a ticket of dramStore reads: rows straight from memory, or the rows that worker threads have gathered; in both
// cases as they stood when the ticket was made.

import type { TicketSource } from "@engram-ts/core";
import type { GatherJob } from "./gather-workers.js";
import type { RowIdBuffers } from "./row-id-buffers.js";
import type { RowMemory } from "./row-memory.js";
import { type RowVersion, rowsSince } from "./row-versions.js";

/** What the tickets of one store share. */
export interface TicketScope {
  readonly rowBytes: number;
  readonly width: number;
  readonly buffers: RowIdBuffers;
  /** Undefined once the store is closed; its tickets have failed by then. */
  memory: RowMemory | undefined;
}

/** Rows read when they are gathered. A class, as one is made for each ticket, and closures would cost more than the rows. */
export class ResidentRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly #scope: TicketScope;
  readonly #rowIds: Uint32Array;
  #version: RowVersion | undefined;

  /** @param rowIds a buffer of the scope's, given back when the ticket is released. */
  constructor(scope: TicketScope, rowIds: Uint32Array, length: number, version: RowVersion) {
    this.length = length;
    this.rowBytes = scope.rowBytes;
    this.width = scope.width;
    this.#scope = scope;
    this.#rowIds = rowIds;
    this.#version = version;
  }

  gather(out: Uint8Array): void {
    this.#scope.memory?.gather(this.#rowIds, this.length, out, this.#old());
  }

  decode(out: Float32Array): void {
    this.#scope.memory?.decode(this.#rowIds, this.length, out, this.#old());
  }

  free(): void {
    this.#version = undefined;
    this.#scope.buffers.giveBack(this.#rowIds);
  }

  #old() {
    return this.#version?.next === undefined ? undefined : rowsSince(this.#version);
  }
}

/** Rows that worker threads gather into an array of the ticket's own. */
export function workerRows(scope: TicketScope, job: GatherJob, version: RowVersion): TicketSource {
  const { rowBytes, width } = scope;
  let since: RowVersion | undefined = version;
  let zeroed = false;
  /** Threads may have met a commit half-way; putting the old rows back makes the batch what it was, however often. */
  const asOld = (): Uint8Array => {
    const old = since === undefined ? undefined : rowsSince(since);
    if (old === undefined) return job.rows;
    job.rowIds.forEach((row, i) => {
      const bytes = old.find(row);
      if (bytes !== undefined) job.rows.set(bytes, i * rowBytes);
    });
    return job.rows;
  };
  return {
    length: job.rowIds.length,
    rowBytes,
    width,
    loading: job.done,
    gather(out) {
      if (zeroed) out.fill(0);
      else out.set(asOld());
    },
    decode(out) {
      if (zeroed) out.fill(0);
      else scope.memory?.decodeGathered(asOld(), out);
    },
    zeroMissing() {
      zeroed = true;
      return job.rowIds.length;
    },
    free() {
      since = undefined;
      job.end();
    },
  };
}
