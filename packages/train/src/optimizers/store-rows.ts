// Many rows of a store at once, whatever the store's largest batch: reading by several tickets, writing by one
// transaction. Not here: which rows, and what becomes of them.

import {
  encodedRowBytes,
  encodeRows,
  type PrefetchOptions,
  type RowEncoding,
  type RowStore,
  type Ticket,
  type WritableRowStore,
} from "@engram-ts/core";

/** Rows on their way. */
export interface RowsRead {
  /** Resolves when they are there; rejects where reading failed. */
  ready(): Promise<void>;
  /** Copies them as float32, `[n, width]`, in the order asked for. */
  decode(out: Float32Array): void;
  release(): void;
}

/**
 * Asks for rows; `rowIds` are copied before the call returns.
 * @throws EngramError as `prefetch`; no ticket is open then.
 */
export function readRows(store: RowStore, rowIds: Uint32Array, options?: PrefetchOptions): RowsRead {
  const { maxBatch } = store.capabilities;
  const { width } = store.table.encoding;
  const tickets: Ticket[] = [];
  const release = (): void => {
    for (const ticket of tickets) ticket.release();
  };
  try {
    for (let at = 0; at < rowIds.length; at += maxBatch) {
      tickets.push(store.prefetch(rowIds.subarray(at, at + maxBatch), options));
    }
  } catch (error) {
    release();
    throw error;
  }
  return {
    async ready() {
      for (const ticket of tickets) if (!ticket.settled || ticket.error !== undefined) await ticket.ready;
    },
    decode(out) {
      let at = 0;
      for (const ticket of tickets) {
        ticket.decode(out.subarray(at, at + ticket.length * width));
        at += ticket.length * width;
      }
    },
    release,
  };
}

/** Replaces rows by float32 values `[n, width]`, all at once or none; the store's encoding rounds them. */
export async function writeRows(store: WritableRowStore, rowIds: Uint32Array, values: Float32Array): Promise<void> {
  const { encoding } = store.table;
  const { maxBatch } = store.capabilities;
  const transaction = store.begin();
  try {
    const bytes = encodedRows(encoding, values);
    const rowBytes = encodedRowBytes(encoding);
    for (let at = 0; at < rowIds.length; at += maxBatch) {
      const part = rowIds.subarray(at, at + maxBatch);
      await transaction.put(part, bytes.subarray(at * rowBytes, (at + part.length) * rowBytes));
    }
    await transaction.commit();
  } catch (error) {
    await transaction.abort().catch(() => undefined); // the first error says what happened
    throw error;
  }
}

/** Values as a table keeps them: float32 where they lie, others in bytes of their own. */
function encodedRows(encoding: RowEncoding, values: Float32Array): Uint8Array {
  if (encoding.kind === "f32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array((values.length / encoding.width) * encodedRowBytes(encoding));
  encodeRows(encoding, values, bytes);
  return bytes;
}
