// The rows of one ticket of a cache: for each row asked for a place, which is a pinned slot, a row in the memory of the
// ticket's own load, or zeros after a missed deadline.

import { decodeRows } from "../rows/decode.js";
import type { CachedLoad, LoadContext } from "./cached-load.js";
import type { TicketSource } from "./ticket.js";

/** Places from here on are rows of the own load's memory; slots are below. */
export const OVERFLOW = 0x8000_0000;
/** The place of a row that did not come in time. */
const ZEROS = 0xffff_fffe;
const DECODED_AT_ONCE = 64;

/** The source behind a ticket; `places[0 .. length)` are set and their slots pinned by the cache. */
export class CachedRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  loading?: Promise<void>;
  readonly #context: LoadContext;
  readonly #places: Uint32Array;
  readonly #recycle: (places: Uint32Array) => void;
  readonly #loads: readonly CachedLoad[];
  readonly #own: CachedLoad | undefined;
  #plain: boolean; // all places are slots
  #freed = false;

  constructor(
    context: LoadContext,
    places: Uint32Array,
    length: number,
    loads: readonly CachedLoad[],
    own: CachedLoad | undefined,
    recycle: (places: Uint32Array) => void,
  ) {
    const { rowBytes, encoding } = context.store.table;
    this.length = length;
    this.rowBytes = rowBytes;
    this.width = encoding.width;
    this.#context = context;
    this.#places = places;
    this.#loads = loads;
    this.#own = own;
    this.#recycle = recycle;
    this.#plain = own === undefined || !own.hasOverflow;
    const waits = loads.flatMap(({ done, complete }) => (done === undefined || complete ? [] : [done]));
    if (waits.length > 0) this.loading = waits.length === 1 ? (waits[0] as Promise<void>) : allOf(waits);
  }

  gather(out: Uint8Array): void {
    this.#gather(0, this.length, out);
  }

  decode(out: Float32Array): void {
    const { encoding } = this.#context.store.table;
    if (this.#plain) {
      this.#context.slab.memory.decode(this.#places, this.length, out);
      return;
    }
    const rows = new Uint8Array(Math.min(DECODED_AT_ONCE, this.length) * this.rowBytes);
    for (let first = 0; first < this.length; first += DECODED_AT_ONCE) {
      const end = Math.min(first + DECODED_AT_ONCE, this.length);
      const part = rows.subarray(0, (end - first) * this.rowBytes);
      this.#gather(first, end, part);
      decodeRows(encoding, part, out.subarray(first * this.width, end * this.width));
    }
  }

  zeroMissing(): number {
    const { loading, slab } = this.#context;
    const ownComes = this.#own !== undefined && !this.#own.complete;
    let missing = 0;
    for (let i = 0; i < this.length; i++) {
      const place = this.#places[i] as number; // i < length
      if (place < OVERFLOW ? !loading.has(place) : !ownComes) continue;
      if (place < OVERFLOW) slab.unpin(place);
      this.#places[i] = ZEROS;
      missing++;
    }
    if (missing > 0) this.#plain = false;
    return missing;
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    const { slab } = this.#context;
    for (let i = 0; i < this.length; i++) {
      const place = this.#places[i] as number; // i < length
      if (place < OVERFLOW) slab.unpin(place);
    }
    for (const load of this.#loads) load.leave();
    this.#recycle(this.#places);
  }

  #gather(first: number, end: number, out: Uint8Array): void {
    const { memory } = this.#context.slab;
    if (this.#plain) {
      memory.gather(this.#places, first, end, out);
      return;
    }
    const { rowBytes } = this;
    let run = first; // slots in a row are copied in one go
    const copyRun = (last: number): void => {
      if (last > run)
        memory.gather(this.#places, run, last, out.subarray((run - first) * rowBytes, (last - first) * rowBytes));
      run = last + 1;
    };
    for (let i = first; i < end; i++) {
      const place = this.#places[i] as number; // i < length
      if (place < OVERFLOW) continue;
      copyRun(i);
      const at = (i - first) * rowBytes;
      if (place === ZEROS) out.fill(0, at, at + rowBytes);
      else this.#own?.copyOverflow(place - OVERFLOW, out, at);
    }
    copyRun(end);
  }
}

async function allOf(waits: readonly Promise<void>[]): Promise<void> {
  await Promise.all(waits);
}
