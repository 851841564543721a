// A store whose rows are compared with digests. A digest covers a block of consecutive rows, so a row can be verified
// only together with its block: the first ticket that touches a block reads all of it, blockRows rows for one. Later
// tickets read from verified blocks as from the store inside, at its cost. So small blocks (16 to 64 rows) suit scattered
// reads, and cost 32 / (blockRows * rowBytes) of the table's size in digests; large ones suit stores read in blocks anyway.
//
// What is verified is the block as it was read then; later damage is seen with `verify: "every-read"` alone. Put `cached`
// outside, never inside: it would give the damaged rows again. Read-only: digests say what the rows were when they were made.

import { EngramError } from "../errors.js";
import { checkPrefetchOptions, checkRowIds } from "./row-ids.js";
import type { PrefetchOptions, RowStore, Ticket } from "./row-store.js";
import type { TicketSource } from "./ticket.js";
import { blockCount, checkBlockRows, DIGEST_BYTES, type RowDigests } from "./verified-digests.js";
import { VerifiedRows, type VerifyContext } from "./verified-read.js";
import { passedStats, ticketState, wrappedTickets } from "./wrapped-tickets.js";

/** The digests, and how much is verified. */
export interface VerifiedOptions extends RowDigests {
  /**
   * `first-touch`, the default: a block that was right once is trusted from then on, so damage that was there from the
   * start is found. `every-read`: blocks are read whole and verified each time, so damage on the way is found too; for
   * networks, with `cached` outside.
   */
  readonly verify?: "first-touch" | "every-read";
  /** The share of first touches that are verified, 0 to 1; the others are read as they are. Default 1: every row is verified. */
  readonly sampleRatio?: number;
  /** Most bytes of blocks in memory for one ticket while they are verified. Default 32 MiB. */
  readonly chunkBytes?: number;
  /** Random numbers from 0 to below 1, for the sample. Default `Math.random`. */
  readonly random?: () => number;
}

/** A store that knows which of its blocks it has verified. */
export interface VerifiedStore extends RowStore {
  /** Blocks verified so far, and blocks of the table. */
  verifiedBlocks(): { readonly verified: number; readonly blocks: number };
}

/**
 * Verifies rows by block digests when they are first touched; a ticket with a wrong block fails with `digest-mismatch`,
 * which names the block and its rows. The store inside is closed with the wrapper. `stats().hits` tells rows of tickets
 * for which blocks were read (`verified`) from others (`trusted`); the tiers inside count whole blocks, in their own stats.
 * @throws EngramError `invalid-argument` where digests do not fit the table; `batch-too-large` where the store does not
 * take a block at once.
 * @example const store = cached(verified(s3, await digestRows(table, rowChunks(original), { blockRows: 64 })), { bytes });
 */
export function verified(store: RowStore, options: VerifiedOptions): VerifiedStore {
  const { table } = store;
  const { maxBatch, durable } = store.capabilities;
  const { blockRows, digests, sampleRatio = 1, chunkBytes = 2 ** 25, random = Math.random } = options;
  const { verify = "first-touch" } = options;
  checkOptions(store, { blockRows, digests, sampleRatio, chunkBytes, verify });
  const tickets = wrappedTickets("verified", table, ["verified", "trusted"]);
  const blocks = blockCount(table, blockRows);
  const done = new Uint8Array(Math.ceil(blocks / 8)); // one bit a block
  let doneCount = 0;
  const isDone = (block: number): boolean => (((done[block >>> 3] as number) >> (block & 7)) & 1) === 1; // block < blocks

  const context: VerifyContext = {
    store,
    blockRows,
    digests: digests.slice(),
    chunkBytes,
    verified(block) {
      if (isDone(block)) return;
      done[block >>> 3] = (done[block >>> 3] as number) | (1 << (block & 7));
      doneCount++;
    },
  };

  const blocksToVerify = (rowIds: Uint32Array): Set<number> | undefined => {
    const trusts = verify === "first-touch";
    if (trusts && doneCount === blocks) return undefined;
    const passed = new Set<number>();
    let wanted: Set<number> | undefined;
    for (const row of rowIds) {
      const block = Math.floor(row / blockRows);
      if ((trusts && isDone(block)) || passed.has(block) || wanted?.has(block) === true) continue;
      if (sampleRatio === 1 || random() < sampleRatio) {
        wanted ??= new Set();
        wanted.add(block);
      } else {
        passed.add(block);
      }
    }
    return wanted;
  };

  const prefetch = (rowIds: Uint32Array, prefetchOptions?: PrefetchOptions): Ticket => {
    tickets.checkOpen("store.prefetch");
    checkRowIds(rowIds, table, maxBatch, "store.prefetch");
    checkPrefetchOptions(prefetchOptions, "store.prefetch");
    const refused = tickets.openAborted(rowIds.length, prefetchOptions);
    if (refused !== undefined) return refused;
    const wanted = blocksToVerify(rowIds);
    tickets.counters.hit(wanted === undefined ? "trusted" : "verified", rowIds.length);
    if (wanted === undefined) {
      return tickets.openPassed(passedRows(store, store.prefetch(rowIds, prefetchOptions)), prefetchOptions);
    }
    const { signal, priority } = prefetchOptions ?? {};
    const inside = { ...(signal && { signal }), ...(priority !== undefined && { priority }) };
    return tickets.open(new VerifiedRows(context, rowIds, wanted, inside), prefetchOptions);
  };

  const close = (): Promise<void> => tickets.close(() => store.close());
  return {
    table,
    capabilities: { maxBatch, resident: false, writable: false, durable },
    prefetch,
    stats: () => ({ ...passedStats(tickets.counters, store), hits: tickets.counters.snapshot().hits }),
    verifiedBlocks: () => ({ verified: doneCount, blocks }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Rows that need no verification. */
function passedRows({ table }: RowStore, ticket: Ticket): TicketSource {
  const source = {
    length: ticket.length,
    rowBytes: table.rowBytes,
    width: table.encoding.width,
    gather: (out: Uint8Array) => ticket.gather(out),
    decode: (out: Float32Array) => ticket.decode(out),
    free: () => ticket.release(),
  };
  return ticketState(ticket) === "ready" ? source : { ...source, loading: ticket.ready };
}

function checkOptions(store: RowStore, options: Required<Omit<VerifiedOptions, "random">>): void {
  const { blockRows, digests, sampleRatio, chunkBytes, verify } = options;
  const refuse = (message: string, code: "invalid-argument" | "batch-too-large" = "invalid-argument"): never => {
    throw new EngramError({ code, operation: "verified", message });
  };
  checkBlockRows(blockRows, "verified");
  const { rows } = store.table;
  const expected = blockCount(store.table, blockRows) * DIGEST_BYTES;
  if (!(digests instanceof Uint8Array) || digests.length !== expected) {
    refuse(
      `options.digests has ${digests?.length} bytes; ${rows} rows in blocks of ${blockRows} have ${expected} bytes of digests`,
    );
  }
  if (verify !== "first-touch" && verify !== "every-read") {
    refuse(`options.verify is ${String(verify)}; use "first-touch" or "every-read"`);
  }
  if (!(sampleRatio >= 0 && sampleRatio <= 1)) refuse(`options.sampleRatio is ${String(sampleRatio)}; use 0 to 1`);
  if (!(chunkBytes > 0)) refuse(`options.chunkBytes is ${String(chunkBytes)}; use a number of bytes above 0`);
  const { maxBatch } = store.capabilities;
  if (Math.min(blockRows, rows) > maxBatch) {
    refuse(
      `a block has ${blockRows} rows, and this store takes ${maxBatch} at once; digest smaller blocks`,
      "batch-too-large",
    );
  }
}
