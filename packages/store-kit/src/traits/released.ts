// A released ticket gives no rows; releasing again does nothing; one not released keeps its rows whatever else is read.

import { type CaseDefinition, gather, settle } from "../conformance-case.js";
import { expectBytes, expectRefusal, expectSame, expectThrows } from "../expectations.js";

const trait = "released";
const IDS = Uint32Array.of(17, 3, 17);

export const releasedCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "gather and decode after release throw ticket-released",
    run: async ({ store, table }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      gather(ticket, table);
      ticket.release();
      expectThrows("ticket-released", "gather", () => gather(ticket, table));
      expectThrows("ticket-released", "decode", () => ticket.decode(new Float32Array(3 * table.encoding.width)));
      expectSame(ticket.length, 3, "ticket.length after release");
    },
  },
  {
    trait,
    name: "release while the rows are being read",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      const pending = !ticket.settled;
      const ready = ticket.ready;
      ready.catch(() => {});
      ticket.release();
      if (pending) await expectRefusal("ticket-released", "ready", () => ready);
      else await ready;
      expectThrows("ticket-released", "gather", () => gather(ticket, table));
      const later = store.prefetch(IDS);
      await settle(later);
      expectBytes(gather(later, table), pick(IDS), table.rowBytes, "a later ticket");
      later.release();
      expectSame(store.stats().openTickets, 0, "stats().openTickets");
    },
  },
  {
    trait,
    name: "releasing twice does nothing, to this ticket and to others",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      const other = store.prefetch(IDS);
      await settle(ticket);
      await settle(other);
      ticket.release();
      ticket.release();
      ticket.release();
      expectSame(store.stats().openTickets, 1, "stats().openTickets");
      expectBytes(gather(other, table), pick(IDS), table.rowBytes, "the other ticket");
      other.release();
      expectSame(store.stats().openTickets, 0, "stats().openTickets");
    },
  },
  {
    trait,
    name: "a ticket never gathered can be released",
    run: async ({ store }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      ticket.release();
      expectSame(store.stats().openTickets, 0, "stats().openTickets");
    },
  },
  {
    trait,
    name: "a ticket keeps its rows while hundreds of others come and go",
    run: async ({ store, table, pick }) => {
      const held = store.prefetch(IDS);
      await settle(held);
      for (let i = 0; i < 300; i++) {
        const ticket = store.prefetch(Uint32Array.of(i % table.rows, (i * 7) % table.rows, (i * 13) % table.rows));
        await settle(ticket);
        ticket.release();
      }
      expectBytes(gather(held, table), pick(IDS), table.rowBytes, "the held ticket");
      held.release();
    },
  },
];
