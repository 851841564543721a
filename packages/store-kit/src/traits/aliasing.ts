// The store keeps none of its caller's arrays, and its caller none of the store's: what either writes afterwards changes
// nothing for the other. Outputs may be views into larger buffers, at any byte offset.

import { begin, type CaseDefinition, gather, NEEDS_WRITABLE, read, settle } from "../conformance-case.js";
import { expectBytes, expectSame } from "../expectations.js";

const trait = "aliasing";
const IDS = Uint32Array.of(11, 4, 11, 60, 0);

export const aliasingCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "row ids changed after prefetch change nothing",
    run: async ({ store, table, pick }) => {
      const ids = IDS.slice();
      const ticket = store.prefetch(ids);
      ids.fill(1);
      await settle(ticket);
      expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "gather");
      ids.fill(2);
      expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "gather again");
      ticket.release();
    },
  },
  {
    trait,
    name: "row ids may be a view into a larger array",
    run: async ({ store, table, pick }) => {
      const larger = Uint32Array.of(0xffff_ffff, ...IDS, 0xffff_ffff);
      const ids = larger.subarray(1, 1 + IDS.length);
      expectBytes(await read(store, ids), pick(IDS), table.rowBytes, "rows");
    },
  },
  {
    trait,
    name: "gathered rows that the caller overwrites do not reach the store",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      gather(ticket, table).fill(0xee);
      expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "the same ticket");
      expectBytes(await read(store, IDS), pick(IDS), table.rowBytes, "another ticket");
      ticket.release();
    },
  },
  {
    trait,
    name: "two tickets write into the outputs they are given, and no other",
    run: async ({ store, table, pick }) => {
      const others = Uint32Array.of(8, 9, 10, 11, 12);
      const first = store.prefetch(IDS);
      const second = store.prefetch(others);
      await settle(first);
      await settle(second);
      const a = gather(first, table);
      const b = gather(second, table);
      expectBytes(a, pick(IDS), table.rowBytes, "the first, after the second was gathered");
      expectBytes(b, pick(others), table.rowBytes, "the second");
      first.release();
      const third = store.prefetch(Uint32Array.of(13, 14, 15, 16, 17));
      await settle(third);
      gather(third, table);
      third.release();
      expectBytes(a, pick(IDS), table.rowBytes, "the first, after its release and a third");
      expectBytes(gather(second, table), pick(others), table.rowBytes, "the second, after the third");
      second.release();
    },
  },
  {
    trait,
    name: "gather into a view at any byte offset leaves its neighbours untouched",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      const bytes = IDS.length * table.rowBytes;
      for (let offset = 0; offset <= 17; offset++) {
        const larger = new Uint8Array(bytes + 40).fill(0x5a);
        ticket.gather(larger.subarray(offset, offset + bytes));
        const expected = new Uint8Array(bytes + 40).fill(0x5a);
        expected.set(pick(IDS), offset);
        expectBytes(larger, expected, table.rowBytes, `offset ${offset}, the whole buffer`);
      }
      ticket.release();
    },
  },
  {
    trait,
    name: "decode into a view leaves its neighbours untouched",
    run: async ({ store, table }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      const values = IDS.length * table.encoding.width;
      const alone = new Float32Array(values);
      ticket.decode(alone);
      for (let offset = 0; offset <= 5; offset++) {
        const larger = new Float32Array(values + 12).fill(77);
        ticket.decode(larger.subarray(offset, offset + values));
        for (let i = 0; i < larger.length; i++) {
          const inside = i >= offset && i < offset + values;
          expectSame(larger[i], inside ? alone[i - offset] : 77, `offset ${offset}, value ${i} of the buffer`);
        }
      }
      ticket.release();
    },
  },
  {
    trait,
    name: "gather and decode into shared memory",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      const out = new Uint8Array(new SharedArrayBuffer(IDS.length * table.rowBytes));
      ticket.gather(out);
      expectBytes(out, pick(IDS), table.rowBytes, "rows");
      const alone = new Float32Array(IDS.length * table.encoding.width);
      const shared = new Float32Array(new SharedArrayBuffer(alone.byteLength));
      ticket.decode(alone);
      ticket.decode(shared);
      alone.forEach((value, i) => {
        expectSame(shared[i], value, `value ${i}`);
      });
      ticket.release();
    },
  },
  {
    trait,
    name: "ids and rows changed after put change nothing",
    needs: NEEDS_WRITABLE,
    run: async ({ store, table, pick }) => {
      const transaction = begin(store);
      const ids = Uint32Array.of(3, 4);
      const rows = new Uint8Array(2 * table.rowBytes).fill(0x31);
      const staged = transaction.put(ids, rows);
      ids.fill(5);
      rows.fill(0x32);
      await staged;
      ids.fill(6);
      rows.fill(0x33);
      await transaction.commit();
      ids.fill(7);
      rows.fill(0x34);
      const put = new Uint8Array(2 * table.rowBytes).fill(0x31);
      expectBytes(await read(store, Uint32Array.of(3, 4)), put, table.rowBytes, "the rows put");
      const untouched = Uint32Array.of(2, 5, 6, 7);
      expectBytes(await read(store, untouched), pick(untouched), table.rowBytes, "the other rows");
    },
  },
  {
    trait,
    name: "put takes views into larger arrays, at odd offsets",
    needs: NEEDS_WRITABLE,
    run: async ({ store, table, pick }) => {
      const rows = new Uint8Array(2 * table.rowBytes + 8).fill(0x41);
      const view = rows.subarray(3, 3 + 2 * table.rowBytes);
      view.set(pick(Uint32Array.of(20, 21)));
      const transaction = begin(store);
      await transaction.put(Uint32Array.of(9, 30, 31, 9).subarray(1, 3), view);
      await transaction.commit();
      expectBytes(await read(store, Uint32Array.of(30, 31)), view, table.rowBytes, "the rows put");
      expectBytes(await read(store, Uint32Array.of(9)), pick(Uint32Array.of(9)), table.rowBytes, "another row");
    },
  },
];
