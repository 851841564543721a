// Tickets do not disturb each other: many at once, settled, gathered and released in any order.

import { type CaseDefinition, gather, scatteredRowIds, settle } from "../conformance-case.js";
import { expectBytes, expectSame } from "../expectations.js";

const trait = "concurrent";

/** The numbers below `count` in an order that looks random and is the same in every run. */
function shuffled(count: number): number[] {
  const key = (i: number): number => Math.imul(i + 1, 0x85eb_ca6b) >>> 0;
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => key(a) - key(b));
}

export const concurrentCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "two hundred tickets open at once, gathered out of order",
    run: async ({ store, table, pick }) => {
      const asked = Array.from({ length: 200 }, (_, i) => scatteredRowIds(i % 50, table.rows, i));
      const tickets = asked.map((ids) => store.prefetch(ids));
      expectSame(store.stats().openTickets, 200, "stats().openTickets");
      await Promise.all(
        shuffled(200).map(async (i) => {
          const ticket = tickets[i];
          const ids = asked[i];
          if (ticket === undefined || ids === undefined) return;
          await settle(ticket);
          expectBytes(gather(ticket, table), pick(ids), table.rowBytes, `ticket ${i}`);
          ticket.release();
        }),
      );
      expectSame(store.stats().openTickets, 0, "stats().openTickets");
    },
  },
  {
    trait,
    name: "gathers of two tickets interleaved, each several times",
    run: async ({ store, table, pick }) => {
      const a = scatteredRowIds(24, table.rows, 1);
      const b = scatteredRowIds(24, table.rows, 2);
      const first = store.prefetch(a);
      const second = store.prefetch(b);
      await settle(second);
      await settle(first);
      for (let i = 0; i < 3; i++) {
        expectBytes(gather(first, table), pick(a), table.rowBytes, "the first");
        expectBytes(gather(second, table), pick(b), table.rowBytes, "the second");
      }
      second.release();
      expectBytes(gather(first, table), pick(a), table.rowBytes, "the first, the second released");
      first.release();
    },
  },
  {
    trait,
    name: "prefetches started while others are awaited and released",
    run: async ({ store, table, pick }) => {
      const reader = async (salt: number): Promise<void> => {
        for (let i = 0; i < 10; i++) {
          const ids = scatteredRowIds(1 + ((salt + i) % 31), table.rows, salt * 100 + i);
          const ticket = store.prefetch(ids, { priority: salt % 3 });
          await settle(ticket);
          expectBytes(gather(ticket, table), pick(ids), table.rowBytes, `reader ${salt}, turn ${i}`);
          ticket.release();
        }
      };
      await Promise.all(Array.from({ length: 16 }, (_, salt) => reader(salt)));
    },
  },
  {
    trait,
    name: "the same rows asked for many times at once",
    run: async ({ store, table, pick }) => {
      const ids = Uint32Array.of(1, 2, 3, 2);
      const tickets = Array.from({ length: 50 }, () => store.prefetch(ids));
      for (const ticket of tickets.toReversed()) {
        await settle(ticket);
        expectBytes(gather(ticket, table), pick(ids), table.rowBytes, "rows");
        ticket.release();
      }
    },
  },
];
