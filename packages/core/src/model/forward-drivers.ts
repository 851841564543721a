// Who drives a forward and hands it its rows. Training has them already; inference took tickets before the first block
// ran, and waits for one only where a block needs it and it is not there yet. Not here: which rows (rows-needed.ts), and
// how a step of a sequence is put together (decode-step.ts).

import { EngramError } from "../errors.js";
import { encodedRowBytes, type RowEncoding } from "../rows/encoding.js";
import type { RowStore, Ticket } from "../store/row-store.js";
import type { Backend } from "./backend.js";
import type { ForwardResult } from "./forward.js";
import type { Model } from "./forward-model.js";
import { memoryWidth, rowsPerToken } from "./parameters.js";
import type { RowsNeeded } from "./rows-needed.js";

/** A running forward. */
export type RunningForward<T> = Generator<RowsNeeded, ForwardResult<T>, T>;

/**
 * Drives a forward whose rows are there: for training, where they were awaited for the whole batch.
 * @param rows the tensor `[N, memoryWidth]` of each block with an engram, as {@link awaitRows} gives them.
 * @throws EngramError `invalid-argument` where a block has none, and what the forward throws.
 */
export function forwardWithRows<T>(running: RunningForward<T>, rows: ReadonlyMap<number, T>): ForwardResult<T> {
  let step = running.next();
  while (!step.done) {
    const { layer } = step.value;
    const memory = rows.get(layer);
    if (memory === undefined) throw nothingFor(layer, "forwardWithRows", "give a tensor of its rows");
    step = running.next(memory);
  }
  return step.value;
}

/** How rows come to a forward by tickets. */
export interface TicketDriver<T> {
  readonly backend: Backend<T>;
  /** The ticket of each block with an engram. They stay the caller's to release. */
  readonly tickets: ReadonlyMap<number, Ticket>;
  readonly encoding: RowEncoding;
  /** `[N, memoryWidth]`. */
  readonly shape: readonly [tokens: number, width: number];
  /** Takes what was uploaded, to be freed. */
  own(tensor: T): T;
}

/**
 * Drives a forward whose rows are on their way. The backend's queue runs while it waits.
 * @throws what a ticket failed with, or the forward; the forward is ended then.
 */
export async function forwardWithTickets<T>(
  running: RunningForward<T>,
  driver: TicketDriver<T>,
): Promise<ForwardResult<T>> {
  const { backend, tickets, own } = driver;
  const upload = rowUploader(driver);
  try {
    let step = running.next();
    while (!step.done) {
      const ticket = tickets.get(step.value.layer);
      if (ticket === undefined) {
        throw nothingFor(step.value.layer, "forwardWithTickets", "prefetch the rows of every block with an engram");
      }
      backend.submit();
      if (!ticket.settled || ticket.error !== undefined) await ticket.ready;
      step = running.next(own(upload(ticket)));
    }
    return step.value;
  } catch (error) {
    running.return({ logits: undefined as T, reports: new Map() }); // ends it where it waits; the result goes nowhere
    throw error;
  }
}

/** Where the rows of blocks come from. */
export interface RowTables {
  /** The table of each block with an engram. */
  readonly tables?: ReadonlyMap<number, RowStore>;
  readonly signal?: AbortSignal;
}

/**
 * Asks for the rows of all blocks at once; the tickets are the caller's to release.
 * @throws EngramError `invalid-argument` where a block has no table, and what `prefetch` throws; no ticket is open then.
 */
export function prefetchRows(rows: readonly RowsNeeded[], { tables, signal }: RowTables): Map<number, Ticket> {
  const tickets = new Map<number, Ticket>();
  try {
    for (const { layer, rowIds } of rows) {
      const table = tables?.get(layer);
      if (table === undefined) {
        throw new EngramError({
          code: "invalid-argument",
          operation: "prefetchRows",
          message: `there is no table for block ${layer}; give its store in tables, under its number`,
          context: { layer },
        });
      }
      tickets.set(layer, table.prefetch(rowIds, signal && { signal }));
    }
    return tickets;
  } catch (error) {
    for (const ticket of tickets.values()) ticket.release();
    throw error;
  }
}

/**
 * Reads and uploads the rows of all blocks, for {@link forwardWithRows}: a tensor `[N, memoryWidth]` a block, the
 * caller's to dispose of. To train, watch them on the tape: their gradients are the gradients of the rows.
 * @throws EngramError as {@link prefetchRows}, and what reading failed with.
 * @example
 * const memory = await awaitRows(model, rows, { tables });
 * tape.watch(memory.values());
 * const { logits } = forwardWithRows(forward(model, tape.calls, batch), memory);
 */
export async function awaitRows<T>(
  model: Pick<Model<T>, "spec" | "backend">,
  rows: readonly RowsNeeded[],
  options: RowTables,
): Promise<ReadonlyMap<number, T>> {
  const { memory } = model.spec;
  const uploaded = new Map<number, T>();
  if (memory === undefined) return uploaded;
  const tickets = prefetchRows(rows, options);
  try {
    await Promise.all([...tickets.values()].map((ticket) => ticket.ready));
    const tokens = (rows[0]?.rowIds.length ?? 0) / rowsPerToken(memory);
    const shape = [tokens, memoryWidth(memory)] as const;
    const upload = rowUploader({ backend: model.backend, encoding: memory.encoding, shape });
    for (const [layer, ticket] of tickets) uploaded.set(layer, upload(ticket));
    return uploaded;
  } finally {
    for (const ticket of tickets.values()) ticket.release();
  }
}

/** Uploads a ticket's rows through one staging array, encoded where the backend decodes them itself. */
function rowUploader<T>({
  backend,
  encoding,
  shape,
}: Pick<TicketDriver<T>, "backend" | "encoding" | "shape">): (ticket: Ticket) => T {
  const [tokens, width] = shape;
  if (backend.decodes.has(encoding.kind)) {
    const encoded = new Uint8Array(((tokens * width) / encoding.width) * encodedRowBytes(encoding));
    return (ticket) => {
      ticket.gather(encoded);
      return backend.uploadRows({ encoded, encoding }, shape);
    };
  }
  const values = new Float32Array(tokens * width);
  return (ticket) => {
    ticket.decode(values);
    return backend.uploadRows({ values }, shape);
  };
}

function nothingFor(layer: number, operation: string, mend: string): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation,
    message: `there is nothing for block ${layer}; ${mend}`,
    context: { layer },
  });
}
