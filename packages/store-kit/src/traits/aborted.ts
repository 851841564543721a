// The caller's signal ends a reading that has not finished, with `aborted` and the signal's reason as the cause; it does
// nothing to a ticket that is ready.

import { type CaseDefinition, gather, settle } from "../conformance-case.js";
import { expectBytes, expectRefusal, expectSame, expectThrows } from "../expectations.js";

const trait = "aborted";
const IDS = Uint32Array.of(5, 60, 5, 0);

export const abortedCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "a signal that was aborted before fails the ticket, its reason kept as the cause",
    run: async ({ store, table }) => {
      const reason = new Error("no longer needed");
      const ticket = store.prefetch(IDS, { signal: AbortSignal.abort(reason) });
      const error = await expectRefusal("aborted", "ready", () => ticket.ready);
      expectSame(error.cause, reason, "the error's cause");
      expectSame(ticket.settled, true, "settled");
      expectThrows("aborted", "gather", () => gather(ticket, table));
      expectThrows("aborted", "decode", () => ticket.decode(new Float32Array(4 * table.encoding.width)));
      ticket.release();
      expectSame(store.stats().failures, 1, "stats().failures");
      expectSame(store.stats().openTickets, 0, "stats().openTickets");
    },
  },
  {
    trait,
    name: "mistakes in the arguments throw at once, aborted or not",
    run: ({ store, table }) => {
      const signal = AbortSignal.abort();
      expectThrows("row-out-of-range", "prefetch", () => store.prefetch(Uint32Array.of(table.rows), { signal }));
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "abort right after prefetch fails a pending ticket and leaves a settled one",
    run: async ({ store, table, pick }) => {
      const controller = new AbortController();
      const reason = { why: "the request was cancelled" };
      const ticket = store.prefetch(IDS, { signal: controller.signal });
      const settled = ticket.settled;
      controller.abort(reason);
      if (settled) {
        expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "rows");
      } else {
        const error = await expectRefusal("aborted", "ready", () => ticket.ready);
        expectSame(error.cause, reason, "the error's cause");
        expectThrows("aborted", "gather", () => gather(ticket, table));
      }
      ticket.release();
    },
  },
  {
    trait,
    name: "abort while reading leaves other tickets for the same rows alone",
    run: async ({ store, table, pick }) => {
      const controller = new AbortController();
      const before = store.prefetch(IDS);
      const aborted = store.prefetch(IDS, { signal: controller.signal });
      const after = store.prefetch(IDS);
      aborted.ready.catch(() => {});
      controller.abort();
      aborted.release();
      await settle(before);
      await settle(after);
      expectBytes(gather(before, table), pick(IDS), table.rowBytes, "the ticket before");
      expectBytes(gather(after, table), pick(IDS), table.rowBytes, "the ticket after");
      before.release();
      after.release();
    },
  },
  {
    trait,
    name: "abort after the rows have come does nothing",
    run: async ({ store, table, pick }) => {
      const controller = new AbortController();
      const ticket = store.prefetch(IDS, { signal: controller.signal });
      await settle(ticket);
      controller.abort();
      expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "rows");
      await settle(ticket);
      ticket.release();
      expectSame(store.stats().failures, 0, "stats().failures");
    },
  },
  {
    trait,
    name: "abort after release does nothing",
    run: async ({ store }) => {
      const controller = new AbortController();
      const ticket = store.prefetch(IDS, { signal: controller.signal });
      await settle(ticket);
      ticket.release();
      controller.abort();
      expectSame(store.stats().failures, 0, "stats().failures");
    },
  },
];
