// Rows are replaced all at once or not at all; what a ticket holds does not change under it.

import {
  allRowIds,
  begin,
  type CaseDefinition,
  type ConformanceTarget,
  gather,
  NEEDS_WRITABLE,
  type OpenedTable,
  read,
  settle,
} from "../conformance-case.js";
import { expectBytes, expectRefusal, expectThat, expectThrows } from "../expectations.js";

type Run = (opened: OpenedTable, target: ConformanceTarget) => Promise<void>;

const writableCase = (name: string, run: Run): CaseDefinition => ({
  trait: "transactions",
  name,
  needs: NEEDS_WRITABLE,
  run,
});

/** `count` rows whose every byte is `byte`. */
function filled(opened: OpenedTable, count: number, byte: number): Uint8Array {
  return new Uint8Array(count * opened.table.rowBytes).fill(byte);
}

/** Checks the whole table against the rows it was opened with, but for those in `replaced`. */
async function expectTable(opened: OpenedTable, replaced: ReadonlyMap<number, number>, what: string): Promise<void> {
  const { store, table } = opened;
  const expected = opened.rows.slice();
  for (const [row, byte] of replaced) expected.fill(byte, row * table.rowBytes, (row + 1) * table.rowBytes);
  expectBytes(await read(store, allRowIds(table)), expected, table.rowBytes, what);
}

export const transactionCases: readonly CaseDefinition[] = [
  writableCase("staged rows are invisible before commit and visible after it", async (opened) => {
    const { store } = opened;
    const transaction = begin(store);
    await transaction.put(Uint32Array.of(0, 60, 7), filled(opened, 3, 0x11));
    await expectTable(opened, new Map(), "before commit");
    await transaction.commit();
    await expectTable(opened, new Map([0, 60, 7].map((row) => [row, 0x11])), "after commit");
  }),
  writableCase("abort forgets what was staged", async (opened) => {
    const transaction = begin(opened.store);
    await transaction.put(Uint32Array.of(1, 2), filled(opened, 2, 0x22));
    await transaction.abort();
    await expectTable(opened, new Map(), "after abort");
    const next = begin(opened.store);
    await next.put(Uint32Array.of(2), filled(opened, 1, 0x23));
    await next.commit();
    await expectTable(opened, new Map([[2, 0x23]]), "after the next commit");
  }),
  writableCase("rows put in chunks become visible together; the last row put under an id wins", async (opened) => {
    const transaction = begin(opened.store);
    await transaction.put(Uint32Array.of(4, 5), filled(opened, 2, 0x31));
    await transaction.put(new Uint32Array(0), new Uint8Array(0));
    await transaction.put(Uint32Array.of(5, 6), filled(opened, 2, 0x32));
    const twice = filled(opened, 2, 0x33);
    twice.fill(0x34, opened.table.rowBytes);
    await transaction.put(Uint32Array.of(8, 8), twice);
    await expectTable(opened, new Map(), "before commit");
    await transaction.commit();
    const replaced = new Map([
      [4, 0x31],
      [5, 0x32],
      [6, 0x32],
      [8, 0x34],
    ]);
    await expectTable(opened, replaced, "after commit");
  }),
  writableCase("puts that are not awaited one by one keep their order", async (opened) => {
    const transaction = begin(opened.store);
    const puts = [0x41, 0x42, 0x43].map((byte) => transaction.put(Uint32Array.of(10, 11), filled(opened, 2, byte)));
    await Promise.all(puts);
    await transaction.commit();
    await expectTable(opened, new Map([10, 11].map((row) => [row, 0x43])), "after commit");
  }),
  writableCase("every row replaced in one transaction", async (opened) => {
    const { store, table } = opened;
    const transaction = begin(store);
    await transaction.put(allRowIds(table), filled(opened, table.rows, 0x51));
    await transaction.commit();
    await expectTable(opened, new Map(Array.from(allRowIds(table), (row) => [row, 0x51])), "after commit");
  }),
  writableCase("a prefetch during commit sees all of the old rows or all of the new", async (opened) => {
    const { store, table } = opened;
    const ids = Uint32Array.of(0, 20, 40, 60);
    const transaction = begin(store);
    await transaction.put(ids, filled(opened, 4, 0x61));
    const committed = transaction.commit();
    const ticket = store.prefetch(ids);
    await settle(ticket);
    const rows = gather(ticket, table);
    ticket.release();
    await committed;
    const expected = rows[0] === 0x61 && rows[1] === 0x61 ? filled(opened, 4, 0x61) : opened.pick(ids);
    expectBytes(rows, expected, table.rowBytes, "rows");
  }),
  writableCase("tickets made before commit read the old rows until released", async (opened) => {
    const { store, table, pick } = opened;
    const ids = Uint32Array.of(12, 13, 12);
    const ready = store.prefetch(ids);
    await settle(ready);
    const reading = store.prefetch(ids);
    for (const byte of [0x71, 0x72]) {
      const transaction = begin(store);
      await transaction.put(Uint32Array.of(12, 13), filled(opened, 2, byte));
      await transaction.commit();
      expectBytes(gather(ready, table), pick(ids), table.rowBytes, "the ticket that was ready");
    }
    await settle(reading);
    expectBytes(gather(reading, table), pick(ids), table.rowBytes, "the ticket that was being read");
    const values = new Float32Array(3 * table.encoding.width);
    const later = store.prefetch(ids);
    await settle(later);
    expectBytes(gather(later, table), filled(opened, 3, 0x72), table.rowBytes, "a later ticket");
    ready.decode(values);
    const old = values.slice();
    later.decode(values);
    expectThat(
      old.some((value, i) => value !== values[i]),
      "the old ticket decodes the old rows, the later one the new",
    );
    for (const ticket of [ready, reading, later]) ticket.release();
    await expectTable(opened, new Map([12, 13].map((row) => [row, 0x72])), "after release");
  }),
  writableCase("a second begin throws transaction-open, until the first has ended", async ({ store }) => {
    const first = begin(store);
    expectThrows("transaction-open", "begin", () => begin(store));
    await first.commit();
    const second = begin(store);
    expectThrows("transaction-open", "begin", () => begin(store));
    await second.abort();
    await begin(store).abort();
  }),
  writableCase("put and commit after commit refuse with transaction-closed", async (opened) => {
    const transaction = begin(opened.store);
    await transaction.put(Uint32Array.of(3), filled(opened, 1, 0x11));
    await transaction.commit();
    const put = () => transaction.put(Uint32Array.of(3), filled(opened, 1, 0x12));
    expectThrows("transaction-closed", "put after commit", put);
    await expectRefusal("transaction-closed", "commit after commit", () => transaction.commit());
    await expectTable(opened, new Map([[3, 0x11]]), "after both");
  }),
  writableCase("put and commit after abort refuse with transaction-closed", async (opened) => {
    const transaction = begin(opened.store);
    await transaction.abort();
    const put = () => transaction.put(Uint32Array.of(3), filled(opened, 1, 0x12));
    expectThrows("transaction-closed", "put after abort", put);
    await expectRefusal("transaction-closed", "commit after abort", () => transaction.commit());
    await expectTable(opened, new Map(), "after both");
  }),
  writableCase("a transaction that has ended does not disturb the next one", async (opened) => {
    const ended = begin(opened.store);
    await ended.commit();
    const next = begin(opened.store);
    await next.put(Uint32Array.of(15), filled(opened, 1, 0x21));
    expectThrows("transaction-closed", "put", () => ended.put(Uint32Array.of(15), filled(opened, 1, 0x22)));
    await expectRefusal("transaction-closed", "commit", () => ended.commit());
    await next.commit();
    await expectTable(opened, new Map([[15, 0x21]]), "after the next commit");
  }),
  writableCase("a put that fails throws at once and stages nothing", async (opened) => {
    const { store, table } = opened;
    const transaction = begin(store);
    const ids = Uint32Array.of(1, 2);
    const rows = filled(opened, 2, 0x44);
    const outside = () => transaction.put(Uint32Array.of(1, table.rows), rows);
    const error = expectThrows("row-out-of-range", "an id outside the table", outside);
    expectThat(error.context.row === table.rows, "error.context.row names the id");
    for (const length of [0, rows.length - 1, rows.length + 1, table.rowBytes]) {
      const wrong = () => transaction.put(ids, new Uint8Array(length).fill(0x45));
      expectThrows("output-length", `rows of ${length} bytes`, wrong);
    }
    const notIds = [1, 2] as unknown as Uint32Array; // what a caller without types may pass
    expectThrows("invalid-argument", "ids in an array", () => transaction.put(notIds, rows));
    const notBytes = new Float32Array(5) as unknown as Uint8Array; // likewise
    expectThrows(["output-length", "invalid-argument"], "rows as values", () => transaction.put(ids, notBytes));
    await transaction.put(Uint32Array.of(3), filled(opened, 1, 0x46));
    await transaction.commit();
    await expectTable(opened, new Map([[3, 0x46]]), "after commit");
  }),
  writableCase("an empty transaction commits and changes nothing", async (opened) => {
    await begin(opened.store).commit();
    await expectTable(opened, new Map(), "after commit");
  }),
];
