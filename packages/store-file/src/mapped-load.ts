// Rows of mapped files that are not in memory: read ahead by the system, all pages of a thousand rows at once, and
// copied off this thread into memory of the ticket, a thousand rows a call. The copy is a system call too: a page that
// cannot be read makes it come back short, where a load from the mapping would end the process.

import { decodeRows, type TicketSource } from "@engram-ts/core";
import { readRows } from "./direct-rows.js";
import type { FileScope } from "./file-scope.js";
import type { MappedRows } from "./mapped-rows.js";
import type { MappedRegion, MappedSection } from "./mapped-sections.js";
import { addPiece, MAX_PIECES, type PieceList, pieceList } from "./system-calls.js";

/** What the system writes to and reads from, held here so that it lives until its last call has come back. */
const inUse = new Set<object>();

/** A batch being brought near. */
export class MappedLoad implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly loading: Promise<void>;
  readonly #scope: FileScope;
  readonly #rowIds: Uint32Array;
  #rows: Uint8Array;
  #loadedRows = 0;
  #over = false;

  /** @param rowIds the load's to keep. */
  constructor(scope: FileScope, mapped: MappedRows, rowIds: Uint32Array) {
    this.length = rowIds.length;
    this.rowBytes = scope.locations.rowBytes;
    this.width = scope.encoding.width;
    this.#scope = scope;
    this.#rowIds = rowIds;
    // An ArrayBuffer's memory never moves, as that of a small typed array could while it is written to.
    this.#rows = new Uint8Array(new ArrayBuffer(rowIds.length * this.rowBytes));
    const loading = this.#load(mapped);
    this.loading = loading;
    scope.loads.add(loading);
    const done = (): void => {
      scope.loads.delete(loading);
    };
    loading.then(done, done);
  }

  gather(out: Uint8Array): void {
    out.set(this.#rows);
  }

  decode(out: Float32Array): void {
    decodeRows(this.#scope.encoding, this.#rows, out);
  }

  zeroMissing(): number {
    this.#over = true;
    const rows = new Uint8Array(this.#rows.length); // the system may still be writing into the other one
    rows.set(this.#rows.subarray(0, this.#loadedRows * this.rowBytes));
    this.#rows = rows;
    return this.length - this.#loadedRows;
  }

  free(): void {
    this.#over = true;
    this.#rows = new Uint8Array(0);
  }

  async #load(mapped: MappedRows): Promise<void> {
    const { calls } = mapped;
    const rows = this.#rows; // as it is now, whatever zeroMissing does
    const lanes = [newLane(), newLane()] as const;
    const held = { rows, lanes };
    inUse.add(held);
    const apart = this.#scope.locations.parts.some(({ scales }) => scales !== undefined);
    const chunk = apart ? MAX_PIECES / 2 : MAX_PIECES;
    const readAhead = async (from: number): Promise<void> => {
      const lane = lanes[(from / chunk) & 1] as Lane;
      await lane.ahead; // of the chunk before the last: its lists are still in the system's hands
      if (!mapped.open || this.#over) return;
      this.#list(mapped, from, Math.min(this.length, from + chunk), lane);
      lane.ahead = calls.readAhead(lane.pages);
    };
    try {
      await readAhead(0);
      for (let from = 0; from < this.length && !this.#over; from += chunk) {
        const until = Math.min(this.length, from + chunk);
        const { pieces, to } = lanes[(from / chunk) & 1] as Lane;
        const bytes = (until - from) * this.rowBytes;
        to.count = 0;
        addPiece(to, calls.addressOf(rows) + from * this.rowBytes, bytes);
        // The copy runs beside the reading ahead: it waits for pages, of which more come meanwhile.
        const copying = mapped.open ? calls.copy(to, pieces) : Promise.resolve(-1);
        if (until < this.length) await readAhead(until);
        const copied = await copying;
        if (this.#over) break;
        // Given up in the meantime, the mapping may have been replaced by zeros under the copy.
        if (!mapped.guarded() || copied !== bytes) this.#readAgain(rows, from, until);
        this.#loadedRows = until;
      }
    } finally {
      await Promise.all(lanes.map(({ ahead }) => ahead));
      inUse.delete(held);
    }
  }

  /** Reads rows through fs, which says what is wrong where something is. */
  #readAgain(rows: Uint8Array, from: number, until: number): void {
    if (this.#scope.broken !== undefined) throw this.#scope.broken;
    const ids = this.#rowIds.subarray(from, until);
    readRows(this.#scope, ids, ids.length, rows.subarray(from * this.rowBytes, until * this.rowBytes));
  }

  /** Lists where rows lie: their pages, for reading ahead, and their bytes, values before scales. */
  #list(mapped: MappedRows, from: number, until: number, { pages, pieces }: Lane): void {
    const { pageBytes } = mapped.calls;
    const { sections } = mapped.sections;
    pages.count = 0;
    pieces.count = 0;
    const add = ({ memory }: MappedSection, { at, stride, pieceBytes }: MappedRegion, row: number): void => {
      const address = memory.address + at + row * stride;
      const page = address - (address % pageBytes);
      addPiece(pages, page, Math.ceil((address + pieceBytes - page) / pageBytes) * pageBytes);
      addPiece(pieces, address, pieceBytes);
    };
    for (let i = from; i < until; i++) {
      const row = this.#rowIds[i] as number; // until <= length
      const section = sections[mapped.sectionOf(row)] as MappedSection; // row is in the table
      add(section, section.data, row - section.firstRow);
      if (section.scales !== undefined) add(section, section.scales, row - section.firstRow);
    }
  }
}

/** Two of these take turns: while one is copied, the other is read ahead. */
interface Lane {
  readonly pages: PieceList;
  readonly pieces: PieceList;
  readonly to: PieceList;
  /** The reading ahead that was started last. */
  ahead: Promise<void> | undefined;
}

function newLane(): Lane {
  return { pages: pieceList(MAX_PIECES), pieces: pieceList(MAX_PIECES), to: pieceList(1), ahead: undefined };
}
