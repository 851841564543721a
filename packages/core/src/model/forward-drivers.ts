// Who drives a forward and hands it its rows. Training has them already; inference took tickets before the first block
// ran, and waits for one only where a block needs it and it is not there yet. Not here: which rows (rows-needed.ts), and
// how a step of a sequence is put together (decode-state-step.ts).

import { EngramError } from "../errors.js";
import { encodedRowBytes, type RowEncoding } from "../rows/encoding.js";
import type { Ticket } from "../store/row-store.js";
import type { Backend } from "./backend.js";
import type { ForwardResult } from "./forward.js";
import type { RowsNeeded } from "./rows-needed.js";

/** A running forward. */
export type RunningForward<T> = Generator<RowsNeeded, ForwardResult<T>, T>;

/**
 * Drives a forward whose rows are there: for training, where they were awaited for the whole batch.
 * @param rows the tensor `[N, memoryWidth]` of what a block needs, already uploaded.
 * @example
 * const { logits } = forwardWithRows(forward(model, tape.calls, batch), ({ layer }) => memory[layer]);
 */
export function forwardWithRows<T>(running: RunningForward<T>, rows: (needed: RowsNeeded) => T): ForwardResult<T> {
  let step = running.next();
  while (!step.done) step = running.next(rows(step.value));
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
        throw new EngramError({
          code: "invalid-argument",
          operation: "forwardWithTickets",
          message: `there is no ticket for block ${step.value.layer}; prefetch the rows of every block with an engram`,
        });
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

/** Uploads a ticket's rows through one staging array, encoded where the backend decodes them itself. */
function rowUploader<T>({ backend, encoding, shape }: TicketDriver<T>): (ticket: Ticket) => T {
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
