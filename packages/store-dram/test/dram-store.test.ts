import { type EngramError, isEngramError, MAX_ROWS, type RowEncoding, type Ticket, tableInfo } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DramStoreOptions, dramStore, openDramStore } from "../src/index.js";

const bytesOfWidth = (rows: number, width: number) =>
  tableInfo({ rows, encoding: { kind: "fp8-e4m3", width, scale: 1 } });

/** The byte at `at` of row `row`, in rows that differ everywhere. */
const byteOf = (row: number, at: number) => (Math.imul(row + 1, 0x9e37_79b1) + Math.imul(at, 0x85eb_ca6b)) >>> 24;

const fillRows = (rowBytes: number) => (firstRow: number, rows: Uint8Array) => {
  for (let i = 0; i < rows.length; i++) rows[i] = byteOf(firstRow + Math.floor(i / rowBytes), i % rowBytes);
};

function gathered(ticket: Ticket, rowBytes: number): Uint8Array {
  const out = new Uint8Array(ticket.length * rowBytes).fill(0xa5);
  ticket.gather(out);
  return out;
}

function codeOf(call: () => unknown): EngramError | undefined {
  try {
    call();
  } catch (error) {
    if (isEngramError(error)) return error;
    throw error;
  }
  return undefined;
}

describe("dramStore", () => {
  it("gathers rows of 1 to 300 bytes, in one shard and at every shard boundary", async () => {
    for (let width = 1; width <= 300; width++) {
      const table = bytesOfWidth(23, width);
      const ids = Uint32Array.from({ length: 40 }, (_, i) => (i * 5) % 23);
      const expected = new Uint8Array(ids.length * width);
      ids.forEach((row, i) => {
        for (let at = 0; at < width; at++) expected[i * width + at] = byteOf(row, at);
      });
      for (const shardBytes of [2 ** 32, width * 4 + (width % 4)]) {
        const store = dramStore({ table, shardBytes, initialize: fillRows(width), hugePages: "off" });
        const ticket = store.prefetch(ids);
        expect(ticket.settled).toBe(true);
        expect(Buffer.compare(gathered(ticket, width), expected), `${width} bytes, shards of ${shardBytes}`).toBe(0);
        ticket.release();
        await store.close();
      }
    }
  });

  it("gathers batches around the size of its staging area", async () => {
    const table = bytesOfWidth(5_000, 128);
    for (const shardBytes of [2 ** 32, 128 * 1_001]) {
      const store = dramStore({ table, shardBytes, initialize: fillRows(128) });
      for (const length of [0, 1, 64, 65, 128, 129, 1_023, 1_024, 1_025, 2_048, 5_000]) {
        const ids = Uint32Array.from({ length }, (_, i) => (i * 2_999) % 5_000);
        const ticket = store.prefetch(ids);
        const rows = gathered(ticket, 128);
        const values = new Float32Array(length * 128);
        ticket.decode(values);
        ids.forEach((row, i) => {
          if (rows[i * 128] !== byteOf(row, 0) || rows[i * 128 + 127] !== byteOf(row, 127)) {
            throw new Error(`row ${row} at ${i} of ${length} is wrong`);
          }
        });
        expect(values.length === 0 || values.some((value) => value !== 0)).toBe(true);
        ticket.release();
      }
      await store.close();
    }
  });

  it("keeps for each ticket the rows as they stood, whatever is committed after", async () => {
    type Step =
      | { readonly do: "open"; readonly ids: readonly number[] }
      | { readonly do: "commit"; readonly ids: readonly number[]; readonly byte: number }
      | { readonly do: "read" | "release"; readonly which: number };
    const ids = fc.array(fc.nat({ max: 10 }), { maxLength: 12 });
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ do: fc.constant("open" as const), ids }),
      fc.record({ do: fc.constant("commit" as const), ids, byte: fc.nat({ max: 255 }) }),
      fc.record({ do: fc.constantFrom("read" as const, "release" as const), which: fc.nat() }),
    );
    const rowBytes = 36;
    const table = tableInfo({ rows: 11, encoding: { kind: "int8", width: 32 } });
    const options = fc.constantFrom<Partial<DramStoreOptions>>(
      {},
      { shardBytes: 100 },
      { kernel: "typescript" },
      { workers: 1, workerBatch: 6 },
    );
    const property = fc.asyncProperty(options, fc.array(step, { maxLength: 30 }), async (variant, steps) => {
      const store = dramStore({ table, ...variant, hugePages: "off" });
      const model = new Map<number, number>();
      const open: { ticket: Ticket; expected: Uint8Array }[] = [];
      const read = async ({ ticket, expected }: (typeof open)[number]) => {
        await ticket.ready;
        expect(gathered(ticket, rowBytes)).toEqual(expected);
        const values = new Float32Array(ticket.length * 32);
        ticket.decode(values);
        const scales = new Float32Array(expected.slice().buffer);
        for (let i = 0; i < ticket.length; i++) {
          const value = ((expected[i * rowBytes] ?? 0) << 24) >> 24;
          const product = Math.fround(value * (scales[i * 9 + 8] ?? 0));
          expect(values[i * 32]).toBe(product);
        }
      };
      for (const one of steps) {
        if (one.do === "open") {
          const expected = new Uint8Array(one.ids.length * rowBytes);
          one.ids.forEach((row, i) => {
            expected.fill(model.get(row) ?? 0, i * rowBytes, (i + 1) * rowBytes);
          });
          open.push({ ticket: store.prefetch(Uint32Array.from(one.ids)), expected });
        } else if (one.do === "commit") {
          const transaction = store.begin();
          await transaction.put(Uint32Array.from(one.ids), new Uint8Array(one.ids.length * rowBytes).fill(one.byte));
          await transaction.commit();
          for (const row of one.ids) model.set(row, one.byte);
        } else if (open.length > 0) {
          const which = one.which % open.length;
          const chosen = open[which] as (typeof open)[number]; // which < length
          if (one.do === "read") await read(chosen);
          else {
            chosen.ticket.release();
            open.splice(which, 1);
          }
        }
      }
      for (const one of open) await read(one);
      await store.close();
    });
    await fc.assert(property, { numRuns: 120 });
  });

  it("offers every row to initialize once, in order, in place", async () => {
    const table = bytesOfWidth(1_000, 48);
    for (const shardBytes of [48 * 7 + 5, 2 ** 32]) {
      let next = 0;
      const fill = fillRows(48);
      const initialize = (firstRow: number, rows: Uint8Array) => {
        expect(firstRow).toBe(next);
        expect(rows.length % 48).toBe(0);
        next += rows.length / 48;
        fill(firstRow, rows);
      };
      const store = await openDramStore({
        table,
        shardBytes,
        initialize: async (firstRow, rows) => {
          await Promise.resolve();
          initialize(firstRow, rows);
        },
      });
      expect(next).toBe(1_000);
      const ticket = store.prefetch(Uint32Array.of(999, 0, 500));
      const rows = gathered(ticket, 48);
      expect([rows[0], rows[48], rows[96]]).toEqual([byteOf(999, 0), byteOf(0, 0), byteOf(500, 0)]);
      await store.close();
    }
  });

  it("hands out rows of zeros where nothing was written", () => {
    const store = dramStore({ table: tableInfo({ rows: 1_000_000, encoding: { kind: "bf16", width: 64 } }) });
    const ticket = store.prefetch(Uint32Array.of(0, 999_999));
    expect(gathered(ticket, 128)).toEqual(new Uint8Array(256));
    expect(store.diagnostics.kernel).toBe("wasm");
    expect(store.diagnostics.hugePages).toMatch(/^(advised|off: .+)$/);
    expect(store.diagnostics.reservedBytes).toBeGreaterThan(128_000_000);
  });

  it("takes memory from the ids of released tickets, not from those of open ones", () => {
    const store = dramStore({ table: bytesOfWidth(100, 4), initialize: fillRows(4) });
    const ids = Uint32Array.from({ length: 70 }, (_, i) => i);
    const first = store.prefetch(ids);
    const second = store.prefetch(ids.map((row) => row + 30));
    first.release();
    const third = store.prefetch(ids.fill(7));
    ids.fill(0);
    expect(gathered(second, 4)[0]).toBe(byteOf(30, 0));
    expect(gathered(third, 4)[69 * 4]).toBe(byteOf(7, 0));
  });

  it("fills outputs of its own, and views of them, with the same rows and nothing beside them", async () => {
    const encodings: RowEncoding[] = [
      { kind: "bf16", width: 64 },
      { kind: "f32", width: 3 },
      { kind: "int8", width: 9 },
      { kind: "fp8-e4m3-e8m0", width: 32 },
    ];
    for (const encoding of encodings) {
      const table = tableInfo({ rows: 3_000, encoding });
      const { rowBytes } = table;
      for (const shardBytes of [2 ** 31, rowBytes * 999]) {
        const store = dramStore({ table, shardBytes, initialize: fillRows(rowBytes) });
        const ids = Uint32Array.from({ length: 2_500 }, (_, i) => (i * 17) % 3_000);
        const ticket = store.prefetch(ids);
        const values = new Float32Array(ids.length * encoding.width);
        ticket.decode(values);
        for (let again = 0; again < 2; again++) {
          const output = store.allocate(ids.length * Math.max(rowBytes, encoding.width * 4) + 128).fill(0xa5);
          const view = output.subarray(64, 64 + ids.length * rowBytes);
          ticket.gather(view);
          expect(Buffer.compare(view, gathered(ticket, rowBytes))).toBe(0);
          expect([output[63], output[64 + view.length]]).toEqual([0xa5, 0xa5]);
          const floats = new Float32Array(output.buffer, output.byteOffset + 64, values.length);
          ticket.decode(floats);
          const bytes = new Uint8Array(output.buffer, floats.byteOffset, floats.byteLength);
          expect(Buffer.compare(bytes, new Uint8Array(values.buffer)), encoding.kind).toBe(0);
          expect([output[63], output[64 + floats.byteLength]]).toEqual([0xa5, 0xa5]);
        }
        await store.close();
        expect(codeOf(() => store.allocate(8))?.code).toBe("store-closed");
      }
    }
    const store = dramStore({ table: bytesOfWidth(10, 8) });
    expect(store.allocate(0).length).toBe(0);
    for (const bytes of [-1, 1.5, 2 ** 32]) expect(codeOf(() => store.allocate(bytes))?.code).toBe("invalid-argument");
  });

  it.each([{}, { workers: 1 }, { kernel: "typescript" as const }])(
    "keeps outputs, tickets and rows through later outputs and commits: %o",
    async (variant) => {
      const table = bytesOfWidth(600, 40);
      const store = dramStore({ table, initialize: fillRows(40), ...variant });
      const ids = Uint32Array.from({ length: 300 }, (_, i) => (i * 7) % 600);
      const ticket = store.prefetch(ids);
      const expected = gathered(ticket, 40);
      const outputs: Uint8Array[] = [];
      for (const extra of [0, 8, 2 ** 30, 16]) {
        outputs.push(store.allocate(ids.length * 40 + extra)); // one of them is larger than the room for outputs
        for (const output of outputs) ticket.gather(output.subarray(0, expected.length).fill(0xa5));
        for (const output of outputs) expect(Buffer.compare(output.subarray(0, expected.length), expected)).toBe(0);
        if (extra === 2 ** 30) outputs.pop();
      }
      const transaction = store.begin();
      await transaction.put(Uint32Array.of(7), new Uint8Array(40).fill(9));
      await transaction.commit();
      expect(gathered(store.prefetch(Uint32Array.of(7)), 40)).toEqual(new Uint8Array(40).fill(9));
      for (const output of outputs) expect(Buffer.compare(output.subarray(0, expected.length), expected)).toBe(0);
      expect(gathered(ticket, 40)).toEqual(expected); // as it stood
      await store.close();
      expect(outputs[0]?.subarray(0, 40)).toEqual(expected.subarray(0, 40));
    },
  );

  it("refuses a row id that is none, wherever it is in a batch of any size", () => {
    for (const variant of [{}, { kernel: "typescript" as const }]) {
      const store = dramStore({ table: bytesOfWidth(600, 4), ...variant });
      for (const length of [1, 128, 129, 20_000]) {
        for (const index of [0, Math.floor(length / 2), length - 1]) {
          for (const row of [600, 2 ** 31, 2 ** 32 - 1]) {
            const ids = new Uint32Array(length).fill(599);
            ids[index] = row;
            const error = codeOf(() => store.prefetch(ids));
            expect(error?.code).toBe("row-out-of-range");
            expect(error?.context).toMatchObject({ row, index });
          }
        }
        store.prefetch(new Uint32Array(length).fill(599)).release();
      }
    }
  });

  it("says what memory a table needs and what there is, before it takes any", () => {
    const encoding: RowEncoding = { kind: "f32", width: 65_536 };
    const error = codeOf(() => dramStore({ table: tableInfo({ rows: MAX_ROWS, encoding }) }));
    expect(error?.code).toBe("out-of-memory");
    expect(error?.context.neededBytes).toBeGreaterThan(MAX_ROWS * 262_144 - 1);
    expect(error?.context.availableBytes).toBeLessThan(MAX_ROWS * 262_144);
  });

  it("refuses options of wrong type or range, naming the option", () => {
    const table = bytesOfWidth(10, 8);
    const wrong: [string, unknown][] = [
      ["table", undefined],
      ["table", { ...table, rowBytes: 9 }],
      ["maxBatch", 0],
      ["maxBatch", 1.5],
      ["workers", -1],
      ["workers", 65],
      ["workerBatch", 0],
      ["shardBytes", 7],
      ["shardBytes", 2 ** 32 + 1],
      ["hugePages", "on"],
      ["kernel", "cuda"],
      ["initialize", 3],
    ];
    for (const [name, value] of wrong) {
      const options = { table, [name]: value } as DramStoreOptions; // what a caller without types may pass
      const error = codeOf(() => dramStore(options));
      expect(error?.code, `${name}: ${String(value)}`).toBe("invalid-argument");
      expect(error?.message).toContain(name);
    }
    const late = codeOf(() => dramStore({ table, initialize: async () => {} }));
    expect(late?.message).toContain("openDramStore");
    expect(codeOf(() => dramStore({ table, workers: 1, kernel: "typescript" }))?.code).toBe("unsupported");
  });
});
