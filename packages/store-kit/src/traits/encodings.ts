// Rows of every encoding and of odd sizes, gathered byte for byte and decoded exactly.

import { type RowEncoding, tableInfo } from "@engram-ts/core";
import { type CaseDefinition, gather, scatteredRowIds, settle } from "../conformance-case.js";
import { expectBytes, expectThat } from "../expectations.js";
import { decodePlainly } from "../plain-decoding.js";

const ENCODINGS: readonly RowEncoding[] = [
  ...[1, 3, 16, 65].map((width): RowEncoding => ({ kind: "f32", width })),
  ...[1, 7, 64, 127].map((width): RowEncoding => ({ kind: "f16", width })),
  ...[1, 7, 64, 127].map((width): RowEncoding => ({ kind: "bf16", width })),
  ...[1, 13, 32, 129].map((width): RowEncoding => ({ kind: "int8", width })),
  ...[32, 96, 256].map((width): RowEncoding => ({ kind: "fp8-e4m3-e8m0", width })),
  ...[1, 9, 64, 255].map((width): RowEncoding => ({ kind: "fp8-e4m3", width, scale: 0.375 })),
];

export const encodingCases: readonly CaseDefinition[] = ENCODINGS.map((encoding) => {
  const table = tableInfo({ rows: 43, encoding });
  return {
    trait: "encodings",
    name: `${encoding.kind} of width ${encoding.width}, rows of ${table.rowBytes} bytes`,
    table,
    run: async ({ store, pick }) => {
      for (const count of [1, 2, 3, 4, 5, 48]) {
        const ids = scatteredRowIds(count, table.rows, count);
        const ticket = store.prefetch(ids);
        await settle(ticket);
        const rows = gather(ticket, table);
        expectBytes(rows, pick(ids), table.rowBytes, `${count} rows`);
        const values = new Float32Array(count * encoding.width).fill(Number.NaN);
        ticket.decode(values);
        ticket.release();
        const expected = decodePlainly(table, rows);
        const wrong = expected.findIndex((value, i) => value !== values[i]);
        expectThat(
          wrong === -1,
          `${count} rows, decoded value ${wrong}: expected ${expected[wrong]}, found ${values[wrong]}`,
        );
      }
    },
  };
});
