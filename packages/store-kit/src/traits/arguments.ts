// Mistakes of the caller throw at once, with their code; they start no reading and are not counted.

import { type CaseDefinition, DEFAULT_TABLE, gather, read, settle } from "../conformance-case.js";
import { expectBytes, expectSame, expectThrows } from "../expectations.js";

const trait = "arguments";
const IDS = Uint32Array.of(2, 40, 2);

/** A value of a type that the signature does not allow, as a caller without types may pass it. */
function untyped<T>(value: unknown): T {
  return value as T; // on purpose: this is what is tested
}

const WRONG_ROW_IDS: readonly unknown[] = [undefined, null, 3, "3", [1, 2], Int32Array.of(1), Float64Array.of(1), {}];

const WRONG_OPTIONS: readonly unknown[] = [
  { deadlineMs: -1 },
  { deadlineMs: Number.NaN },
  { deadlineMs: Number.POSITIVE_INFINITY },
  { deadlineMs: "5" },
  { onMiss: "later", deadlineMs: 5 },
  { onMiss: "zero" },
  { priority: Number.NaN },
  { priority: "high" },
  { signal: {} },
];

export const argumentCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "row ids outside the table are named with their place",
    run: ({ store }) => {
      const { rows } = DEFAULT_TABLE;
      const wrong: readonly [number, number[]][] = [
        [0, [rows]],
        [2, [0, 1, rows, rows + 1]],
        [1, [rows - 1, 0xffff_ffff]],
        [3, [0, 0, 0, 0x8000_0000]],
      ];
      for (const [index, ids] of wrong) {
        const error = expectThrows("row-out-of-range", `prefetch of ${ids}`, () =>
          store.prefetch(Uint32Array.from(ids)),
        );
        expectSame(error.context.row, ids[index], "error.context.row");
        expectSame(error.context.index, index, "error.context.index");
      }
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "row ids of another type are invalid arguments",
    run: ({ store }) => {
      for (const ids of WRONG_ROW_IDS) {
        expectThrows("invalid-argument", `prefetch of ${String(ids)}`, () => store.prefetch(untyped(ids)));
      }
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "options out of range are invalid arguments",
    run: ({ store }) => {
      for (const options of WRONG_OPTIONS) {
        expectThrows("invalid-argument", `options ${JSON.stringify(options)}`, () =>
          store.prefetch(IDS, untyped(options)),
        );
      }
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "options in range are taken",
    run: async ({ store, table, pick }) => {
      const { signal } = new AbortController();
      for (const options of [{}, { priority: -3 }, { deadlineMs: 60_000, onMiss: "wait" as const }, { signal }]) {
        const ticket = store.prefetch(IDS, options);
        await settle(ticket);
        expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "rows");
        ticket.release();
      }
    },
  },
  {
    trait,
    name: "a refused prefetch is not counted and leaves no ticket open",
    run: async ({ store, table, pick }) => {
      expectThrows("row-out-of-range", "prefetch", () => store.prefetch(Uint32Array.of(0, table.rows)));
      expectThrows("invalid-argument", "prefetch", () => store.prefetch(IDS, untyped({ priority: "high" })));
      const { prefetches, rows, openTickets, failures } = store.stats();
      for (const counter of [prefetches, rows, openTickets, failures]) expectSame(counter, 0, "a counter");
      expectBytes(await read(store, IDS), pick(IDS), table.rowBytes, "rows after the mistakes");
    },
  },
  {
    trait,
    name: "outputs of another length or type throw output-length and are not written",
    run: async ({ store, table, pick }) => {
      const ticket = store.prefetch(IDS);
      await settle(ticket);
      const bytes = IDS.length * table.rowBytes;
      const values = IDS.length * table.encoding.width;
      for (const length of [0, bytes - 1, bytes + 1, bytes - table.rowBytes, bytes * 2]) {
        const out = new Uint8Array(length).fill(7);
        expectThrows("output-length", `gather into ${length} bytes`, () => ticket.gather(out));
        expectBytes(out, new Uint8Array(length).fill(7), table.rowBytes, "a refused output");
      }
      for (const length of [0, values - 1, values + 1]) {
        const out = new Float32Array(length);
        expectThrows("output-length", `decode into ${length} values`, () => ticket.decode(out));
      }
      const wrong = [undefined, null, new ArrayBuffer(bytes), new Uint8ClampedArray(bytes), new Int8Array(bytes)];
      for (const out of wrong) {
        expectThrows("output-length", "gather into another type", () => ticket.gather(untyped(out)));
      }
      for (const out of [undefined, new Float64Array(values), new Uint8Array(values), new Array(values).fill(0)]) {
        expectThrows("output-length", "decode into another type", () => ticket.decode(untyped(out)));
      }
      expectBytes(gather(ticket, table), pick(IDS), table.rowBytes, "rows after the mistakes");
      ticket.release();
    },
  },
];
