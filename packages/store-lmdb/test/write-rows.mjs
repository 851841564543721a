// A process that writes tables until it is killed. argv: folder; the plan comes as JSON on standard input. Rows committed
// so far go to standard output, a line each. It runs the built packages, as any process does.
import { readFileSync } from "node:fs";
import { fillRows } from "@engram-ts/core";
import { lmdbDriver } from "@engram-ts/store-lmdb";

const { manifest, tables: entries, seed } = JSON.parse(readFileSync(0, "utf8"));
const tables = new Map(entries);
const writer = await lmdbDriver().write(`lmdb:${process.argv[2]}`, { manifest, tables });
console.log("started");
for (const [layer, table] of tables) {
  for (let row = writer.committed.get(layer); row < table.rows; ) {
    const rows = new Uint8Array(Math.min(4_096, table.rows - row) * table.rowBytes);
    fillRows(table, seed + layer, row, rows);
    await writer.write(layer, row, rows);
    row += rows.length / table.rowBytes;
    console.log(JSON.stringify([...writer.committed]));
  }
}
await writer.finish();
await writer.close();
console.log("finished");
