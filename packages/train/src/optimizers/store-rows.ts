// Many rows of a store at once, whatever the store's largest batch: reading by several tickets, writing by one
// transaction. Not here: which rows, and what becomes of them.

import {
  decodeRows,
  encodedRowBytes,
  encodeRows,
  type RowEncoding,
  type RowStore,
  type Ticket,
  type WritableRowStore,
} from "@engram-ts/core";

/**
 * Reads rows as float32, in the order asked for.
 * @param rowIds copied before the call returns.
 * @param out gives the array for them, `[n, width]`, once they are there.
 * @returns nothing where the rows were there at once: they are in `out` then.
 * @throws EngramError what the store throws; the promise rejects where reading fails.
 */
export function loadRows(store: RowStore, rowIds: Uint32Array, out: () => Float32Array): Promise<void> | undefined {
  const { maxBatch } = store.capabilities;
  const { width } = store.table.encoding;
  const tickets: Ticket[] = [];
  const decode = (): void => {
    const values = out();
    let at = 0;
    for (const ticket of tickets) {
      ticket.decode(values.subarray(at, at + ticket.length * width));
      at += ticket.length * width;
    }
  };
  const release = (): void => {
    for (const ticket of tickets) ticket.release();
  };
  let waiting = false;
  try {
    for (let at = 0; at < rowIds.length; at += maxBatch) {
      tickets.push(store.prefetch(rowIds.subarray(at, at + maxBatch)));
    }
    if (store.capabilities.resident && tickets.every(({ settled }) => settled)) {
      decode();
      return undefined;
    }
    waiting = true;
  } finally {
    if (!waiting) release();
  }
  return Promise.all(tickets.map(({ ready }) => ready))
    .then(decode)
    .finally(release);
}

/**
 * Replaces rows by float32 values `[n, width]`, all at once or none; the store's encoding rounds them. Both arrays are
 * copied before the call returns.
 */
export async function writeRows(store: WritableRowStore, rowIds: Uint32Array, values: Float32Array): Promise<void> {
  const { encoding } = store.table;
  const { maxBatch } = store.capabilities;
  const transaction = store.begin();
  try {
    const bytes = encodedRows(encoding, values);
    const rowBytes = encodedRowBytes(encoding);
    const puts: Promise<void>[] = [];
    for (let at = 0; at < rowIds.length; at += maxBatch) {
      const part = rowIds.subarray(at, at + maxBatch);
      puts.push(transaction.put(part, bytes.subarray(at * rowBytes, (at + part.length) * rowBytes)));
    }
    await Promise.all(puts);
    await transaction.commit();
  } catch (error) {
    await transaction.abort().catch(() => undefined); // the first error says what happened
    throw error;
  }
}

/** Rounds values to what an encoding keeps of them. */
export function roundRows(encoding: RowEncoding, values: Float32Array): void {
  if (encoding.kind !== "f32") decodeRows(encoding, encodedRows(encoding, values), values);
}

/** Values as a table keeps them: float32 where they lie, others in bytes of their own. */
function encodedRows(encoding: RowEncoding, values: Float32Array): Uint8Array {
  if (encoding.kind === "f32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array((values.length / encoding.width) * encodedRowBytes(encoding));
  encodeRows(encoding, values, bytes);
  return bytes;
}
