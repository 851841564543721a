// A driver whose tables are made from a seed and lie in the test's memory, with memory caches by URI that outlive what was
// opened: real stores, real caches, and a record of what is open. For openTables; storage packages test their own drivers.

import {
  createAddressing,
  deterministicRows,
  EngramError,
  type Manifest,
  memoryRowCache,
  type RowCache,
  type RowStore,
  type TableDriver,
  type TableInfo,
  tableInfo,
} from "@engram-ts/core";
import { type ScriptedStore, scriptedStore } from "./scripted-store.js";

export const addressing = {
  kind: "engram",
  vocabSize: 100,
  seed: 0,
  layers: [1, 3],
  tableSizes: [20, 30],
  headsPerOrder: 2,
  padId: 2,
} as const;

/** The manifest of tables with rows of `encoding`. */
export function manifestOf(config: Manifest["addressing"] = addressing): Manifest {
  const derived = createAddressing(config).derivation();
  const modules = derived.layers.map(({ layer, rows }) => ({
    layer,
    rows,
    encoding: { kind: "bf16", width: 4 } as const,
    parts: [{ firstRow: 0, rows, data: { uri: `layer-${layer}.bin`, bytes: rows * 8, offset: 0, stride: 8 } }],
  }));
  return { format: "engram", version: 1, addressing: config, derived, modules };
}

export interface MemoryTables extends TableDriver {
  /** Stores opened so far, by URI and layer. */
  readonly opened: Map<string, ScriptedStore>;
  /** Stores and caches that are open. */
  openCount(): number;
  readonly caches: Map<string, RowCache>;
}

/** A driver of `scheme:` that gives every URI these tables. */
export function memoryTables(
  scheme: string,
  manifest = manifestOf(),
  options: { caches?: boolean } = {},
): MemoryTables {
  const opened = new Map<string, ScriptedStore>();
  const caches = new Map<string, RowCache>();
  let open = 0;
  const counted = <T extends { close(): Promise<void> }>(one: T): T => {
    open++;
    const close = one.close.bind(one);
    let closed = false;
    return Object.assign(one, {
      async close() {
        if (!closed) open--;
        closed = true;
        await close();
      },
    });
  };
  return {
    scheme,
    opened,
    caches,
    openCount: () => open,
    async open(uri, { layers, signal } = {}) {
      if (signal?.aborted) throw new EngramError({ code: "aborted", operation: "memoryTables", message: "aborted" });
      if (uri.endsWith("missing"))
        throw new EngramError({ code: "not-found", operation: "memoryTables", message: "none" });
      const tables = new Map<number, RowStore>();
      for (const { layer, rows, encoding } of manifest.modules) {
        if (layers !== undefined && !layers.includes(layer)) continue;
        const table = tableInfo({ rows, encoding });
        const store = counted(scriptedStore(table, deterministicRows(table, layer), { arrival: "soon", tier: scheme }));
        opened.set(`${uri} ${layer}`, store);
        tables.set(layer, store);
      }
      return {
        manifest,
        tables,
        tokenMap: async () => Uint8Array.of(7),
        async close() {
          await Promise.all([...tables.values()].map((store) => store.close()));
        },
      };
    },
    ...(options.caches === true
      ? {
          async openCache(uri: string, layer: number, table: TableInfo) {
            if (uri.endsWith(`broken${layer}`))
              throw new EngramError({ code: "io", operation: "memoryTables", message: "broken" });
            const key = `${uri} ${layer}`;
            const cache =
              caches.get(key) ?? memoryRowCache({ table, bytes: table.rows * table.rowBytes, name: scheme });
            caches.set(key, cache);
            const fill: RowCache["fill"] = async (rowIds, rows) => {
              await new Promise((resolve) => setImmediate(resolve)); // as storage does, so that fills queue
              await cache.fill(rowIds, rows);
            };
            return counted({ ...cache, fill, close: async () => {} });
          },
        }
      : {}),
  };
}
