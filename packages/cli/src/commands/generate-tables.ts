// The tables of the model that `engram generate` runs. Those of random weights are in memory, or at a URI, where they are
// written first if there is nothing yet; their rows come from the seed alone, so every tier gives the same text. Those of a
// checkpoint lie beside it, or where they were copied to, and are never made here.

import {
  createAddressing,
  EngramError,
  fillRows,
  isEngramError,
  type MemorySpec,
  memoryTables,
  type OpenedTables,
  parseTierUri,
  type RowStore,
  tableInfo,
} from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { openByUri, writeTarget } from "../drivers.js";
import { progressReporter, silentProgress } from "../progress.js";
import { deterministicSource } from "../table-copy-source.js";
import { writeTables } from "../table-copy-write.js";

/** Open tables, to be closed. */
export interface GenerateTables {
  readonly tables: ReadonlyMap<number, RowStore>;
  close(): Promise<void>;
}

const operation = "engram generate";

/**
 * The tables of a model's memory.
 * @param uri memory alone where left out, or `dram:`.
 * @param options.kept where a checkpoint's tables lie, unless `uri` names another place.
 * @throws EngramError `manifest-mismatch` where the tables at the URI are of another model; what opening and writing throw.
 */
export async function generateTables(
  memory: MemorySpec | undefined,
  uri: string | undefined,
  options: { readonly seed: number; readonly quiet: boolean; readonly signal: AbortSignal; readonly kept?: string },
): Promise<GenerateTables> {
  const { seed, signal } = options;
  if (memory === undefined) return { tables: new Map(), close: async () => {} };
  if (options.kept !== undefined)
    return checked(await openByUri(uri ?? options.kept, { signal }), memory, uri ?? options.kept);
  if (uri === undefined || uri.trim() === "dram:") return inMemory(memory, seed);
  const opened = await openByUri(uri, { signal }).catch((cause: unknown) => {
    if (!isEngramError(cause, "not-found")) throw cause;
    return undefined;
  });
  if (opened !== undefined) return checked(opened, memory, uri);
  const outermost = parseTierUri(uri).at(-1); // the tier that the others are in front of
  if (outermost?.kind !== "uri") throw invalid(`${uri} names no place that keeps tables`);
  const target = await writeTarget(outermost.uri, operation);
  const sources = memoryTables(memory).map(({ layer, rows }) =>
    deterministicSource(layer, tableInfo({ rows, encoding: memory.encoding }), seed),
  );
  const derived = createAddressing(memory.addressing).derivation();
  const manifest = { format: "engram", version: 1, addressing: memory.addressing, derived } as const;
  const progress = options.quiet ? silentProgress : progressReporter(process.stderr);
  await writeTables({ target, manifest, sources, replace: false, verify: "none", progress, signal, operation });
  return checked(await openByUri(uri, { signal }), memory, uri);
}

function inMemory(memory: MemorySpec, seed: number): GenerateTables {
  const tables = new Map<number, RowStore>();
  for (const { layer, rows } of memoryTables(memory)) {
    const table = tableInfo({ rows, encoding: memory.encoding });
    const initialize = (firstRow: number, out: Uint8Array) => fillRows(table, (seed + layer) >>> 0, firstRow, out);
    tables.set(layer, dramStore({ table, initialize }));
  }
  return {
    tables,
    async close() {
      for (const store of tables.values()) await store.close();
    },
  };
}

async function checked(opened: OpenedTables, memory: MemorySpec, uri: string): Promise<GenerateTables> {
  const { manifest, tables } = opened;
  const different =
    JSON.stringify(manifest.addressing) !== JSON.stringify(createAddressing(memory.addressing).config)
      ? "addressing"
      : memoryTables(memory).find(({ layer }) => !sameEncoding(tables.get(layer), memory))?.layer;
  if (different === undefined) return { tables, close: () => opened.close() };
  await opened.close();
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `the tables at ${uri} are of another model: their ${different === "addressing" ? "addressing differs" : `table of block ${different} is missing or of another encoding than ${memory.encoding.kind}:${memory.encoding.width}`}; name another place, and tables are made there`,
    context: { uri },
  });
}

function sameEncoding(store: RowStore | undefined, { encoding }: MemorySpec): boolean {
  return store?.table.encoding.kind === encoding.kind && store.table.encoding.width === encoding.width;
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
