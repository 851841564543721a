// Plans of small tables for tests of writing: addressing of a few hundred rows, tables as large as asked for.

import { createAddressing, type TableInfo, type TablePlan } from "@engram-ts/core";

/** A plan for tables of layers 1 and 3. */
export function smallPlan(tables: ReadonlyMap<number, TableInfo>): TablePlan {
  const addressing = createAddressing({
    kind: "engram",
    vocabSize: 1_000,
    seed: 0,
    layers: [...tables.keys()],
    tableSizes: [11, 11],
    headsPerOrder: 2,
    padId: 2,
  });
  const { config } = addressing;
  return {
    manifest: { format: "engram", version: 1, addressing: config, derived: addressing.derivation() },
    tables,
  };
}
