// The decoding half of the gather benchmark: ticket.decode of random rows, for each encoding, with the WebAssembly kernel
// and with the TypeScript twin, in alternating order, outputs compared.

import { type RowEncoding, tableInfo } from "@engram-ts/core";
import { type DramStore, dramStore } from "@engram-ts/store-dram";
import { median, pairedRatio, type Ratio } from "./gather-statistics.js";
import { fillTable, workloadRowIds } from "./gather-workload.js";

/** The throughput of one encoding. */
export interface DecodeReport {
  readonly encoding: string;
  readonly rowBytes: number;
  readonly rowsPerSecond: number;
  /** Bytes of float32 written a second. */
  readonly bytesPerSecond: number;
  readonly timesAsFastAsTypeScript: Ratio;
}

const WIDTH = 256;
const TABLE_BYTES = 2 ** 27;
const COUNT = 32_768;
const ENCODINGS: readonly RowEncoding[] = [
  { kind: "f32", width: WIDTH },
  { kind: "f16", width: WIDTH },
  { kind: "bf16", width: WIDTH },
  { kind: "int8", width: WIDTH },
  { kind: "fp8-e4m3-e8m0", width: WIDTH },
  { kind: "fp8-e4m3", width: WIDTH, scale: 0.125 },
];

/** Measures every encoding. */
export function decodeThroughput(rounds: number): readonly DecodeReport[] {
  return ENCODINGS.map((encoding) => {
    const { rowBytes } = tableInfo({ rows: 1, encoding });
    const table = tableInfo({ rows: Math.floor(TABLE_BYTES / rowBytes), encoding });
    const initialize = (firstRow: number, rows: Uint8Array) => fillTable(firstRow * rowBytes, rows);
    const stores = [dramStore({ table, initialize }), dramStore({ table, initialize, kernel: "typescript" })] as const;
    const outs = stores.map(() => new Float32Array(COUNT * WIDTH));
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const rowIds = workloadRowIds({
        rowBytes,
        rows: table.rows,
        count: COUNT,
        calls: 1,
        seed: round * 7_919,
        check: 0,
      });
      for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const ms = decodeOnce(stores[which], rowIds, outs[which] ?? new Float32Array(0));
        if (round > 0) times[which].push(ms);
      }
      compare(outs[0], outs[1], encoding.kind);
    }
    const rowsPerSecond = (COUNT * 1_000) / median(times[0]);
    const timesAsFastAsTypeScript = pairedRatio(times[1], times[0]);
    return {
      encoding: encoding.kind,
      rowBytes,
      rowsPerSecond,
      bytesPerSecond: rowsPerSecond * WIDTH * 4,
      timesAsFastAsTypeScript,
    };
  });
}

function decodeOnce(store: DramStore, rowIds: Uint32Array, out: Float32Array): number {
  const start = performance.now();
  const ticket = store.prefetch(rowIds);
  ticket.decode(out);
  ticket.release();
  return performance.now() - start;
}

function compare(found: Float32Array | undefined, expected: Float32Array | undefined, encoding: string): void {
  for (let i = 0; i < COUNT * WIDTH; i++) {
    if (!Object.is(found?.[i], expected?.[i]))
      throw new Error(`${encoding}: value ${i} is ${found?.[i]}, not ${expected?.[i]}`);
  }
}
