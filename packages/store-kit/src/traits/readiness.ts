// `settled`, `ready` and `gather` tell the same story, before and after the rows have come, and at deadlines.

import { type CaseDefinition, gather, NEEDS_RESIDENT, settle } from "../conformance-case.js";
import { expectBytes, expectSame, expectThat, expectThrows } from "../expectations.js";

const trait = "readiness";
const IDS = Uint32Array.of(30, 31, 30, 0);

export const readinessCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "a settled ticket gathers without awaiting; one that is not throws ticket-not-ready",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      if (!ticket.settled) {
        expectThrows("ticket-not-ready", "gather", () => gather(ticket, table));
        expectThrows("ticket-not-ready", "decode", () => ticket.decode(new Float32Array(4 * table.encoding.width)));
        await settle(ticket);
      }
      expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "rows");
      await settle(ticket);
      ticket.release();
    },
  },
  {
    trait,
    name: "a row in memory is settled when prefetch returns",
    needs: NEEDS_RESIDENT,
    run: ({ store, table, pick }) => {
      const ids = Uint32Array.of(30); // one row: a larger batch may be handed to worker threads
      const ticket = store.prefetch(ids);
      expectThat(ticket.settled, "capabilities.resident promises a settled ticket");
      expectBytes(gather(ticket, table), pick(ids), table.rowBytes, "rows");
      ticket.release();
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "ready can be awaited by many, and again",
    run: async ({ store }) => {
      const ticket = store.prefetch(IDS);
      await Promise.all([ticket.ready, ticket.ready, ticket.ready]);
      await ticket.ready;
      ticket.release();
    },
  },
  {
    trait,
    name: "gather can be repeated until release",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      for (let i = 0; i < 3; i++) expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, `gather ${i}`);
      ticket.release();
    },
  },
  {
    trait,
    name: "a deadline that has passed is counted, and the rows are waited for",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS, { deadlineMs: 0 });
      const atOnce = ticket.settled;
      await settle(ticket);
      expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "rows");
      ticket.release();
      const { deadlineMisses, zeroedRows } = store.stats();
      expectThat(deadlineMisses === 0 || (deadlineMisses === 1 && !atOnce), `deadlineMisses is ${deadlineMisses}`);
      expectSame(zeroedRows, 0, "zeroedRows");
    },
  },
  {
    trait,
    name: 'at a deadline with onMiss "zero" each row is right or all zeros, and the zeroed ones are counted',
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS, { deadlineMs: 0, onMiss: "zero" });
      await settle(ticket);
      const rows = gather(ticket, table);
      const values = new Float32Array(IDS.length * table.encoding.width).fill(9);
      ticket.decode(values);
      ticket.release();
      const expected = pick(IDS);
      let zeroed = 0;
      for (let i = 0; i < IDS.length; i++) {
        const row = rows.subarray(i * table.rowBytes, (i + 1) * table.rowBytes);
        if (row.some((byte) => byte !== 0)) {
          const right = expected.subarray(i * table.rowBytes, (i + 1) * table.rowBytes);
          expectBytes(row, right, table.rowBytes, `row ${IDS[i]}`);
          continue;
        }
        zeroed++;
        const decoded = values.subarray(i * table.encoding.width, (i + 1) * table.encoding.width);
        expectThat(
          decoded.every((value) => value === 0),
          "a zeroed row decodes to zeros",
        );
      }
      const stats = store.stats();
      expectSame(stats.zeroedRows, zeroed, "stats().zeroedRows");
      expectThat(zeroed === 0 || stats.deadlineMisses === 1, "zeroed rows come from a deadline that was missed");
    },
  },
];
