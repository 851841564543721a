// After close, and while closing, every operation is refused with `store-closed`, and closing again does nothing.

import { begin, type CaseDefinition, DEFAULT_TABLE, gather, NEEDS_WRITABLE, settle } from "../conformance-case.js";
import { expectRefusal, expectSame, expectThat, expectThrows } from "../expectations.js";

const trait = "closed";
const IDS = Uint32Array.of(3, 1);

export const closedCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "prefetch on a closed store throws store-closed, also for an empty batch",
    run: async ({ store }) => {
      await store.close();
      expectThrows("store-closed", "prefetch", () => store.prefetch(IDS));
      expectThrows("store-closed", "prefetch of nothing", () => store.prefetch(new Uint32Array(0)));
    },
  },
  {
    trait,
    name: "prefetch on a closing store throws store-closed",
    run: async ({ store }) => {
      const closing = store.close();
      expectThrows("store-closed", "prefetch", () => store.prefetch(IDS));
      await closing;
    },
  },
  {
    trait,
    name: "begin on a closed store throws store-closed",
    needs: NEEDS_WRITABLE,
    run: async ({ store }) => {
      await store.close();
      expectThrows("store-closed", "begin", () => begin(store));
    },
  },
  {
    trait,
    name: "an open transaction ends with the store",
    needs: NEEDS_WRITABLE,
    run: async ({ store, table }) => {
      const transaction = begin(store);
      await store.close();
      const codes = ["store-closed", "transaction-closed"] as const;
      await expectRefusal(codes, "put", () => transaction.put(Uint32Array.of(0), new Uint8Array(table.rowBytes)));
      await expectRefusal(codes, "commit", () => transaction.commit());
    },
  },
  {
    trait,
    name: "a ticket that was ready fails with store-closed",
    run: async ({ store, table }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      await store.close();
      expectThrows("store-closed", "gather", () => gather(ticket, table));
      expectThrows("store-closed", "decode", () => ticket.decode(new Float32Array(2 * table.encoding.width)));
      expectThat(ticket.settled, "a failed ticket is settled");
      await expectRefusal("store-closed", "ready, read after close", () => ticket.ready);
      ticket.release();
      expectThrows(["ticket-released", "store-closed"], "gather after release", () => gather(ticket, table));
    },
  },
  {
    trait,
    name: "a ticket that is pending when the store closes fails with store-closed",
    run: async ({ store, table }) => {
      const ticket = store.prefetch(IDS);
      const pending = !ticket.settled;
      const ready = ticket.ready;
      const outcome = ready.then(
        () => undefined,
        (error: unknown) => error,
      );
      await store.close();
      const error = await outcome;
      if (pending && error !== undefined) await expectRefusal("store-closed", "ready", () => ready);
      expectThrows("store-closed", "gather", () => gather(ticket, table));
      ticket.release();
    },
  },
  {
    trait,
    name: "closing twice, at once and later, does nothing",
    run: async ({ store }) => {
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await store[Symbol.asyncDispose]();
    },
  },
  {
    trait,
    name: "asyncDispose closes",
    run: async ({ store }) => {
      await store[Symbol.asyncDispose]();
      expectThrows("store-closed", "prefetch", () => store.prefetch(IDS));
    },
  },
  {
    trait,
    name: "stats can still be read, and count what is released after close",
    run: async ({ store }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      await store.close();
      expectSame(store.stats().rows, 2, "rows after close");
      ticket.release();
      expectSame(store.stats().openTickets, 0, "openTickets after close and release");
      expectSame(store.table.rows, DEFAULT_TABLE.rows, "table.rows after close");
    },
  },
];
