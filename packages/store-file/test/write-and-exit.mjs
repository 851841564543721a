// A process that writes tables and is killed in the middle: argv is folder, calls, rows a call; the plan comes as JSON on
// its standard input. It runs the built packages, as any process does.
import { readFileSync } from "node:fs";
import { fileDriver } from "@engram-ts/store-file";
import { fillRows } from "@engram-ts/store-kit";

const [folder, calls, step] = process.argv.slice(2);
const { manifest, tables: entries, seed } = JSON.parse(readFileSync(0, "utf8"));
const tables = new Map(entries);
const driver = fileDriver({ partBytes: 3_000, blockBytes: 500, commitBytes: 2_000 });
const writer = await driver.write(`file:${folder}`, { manifest, tables });
let left = Number(calls);
for (const [layer, table] of tables) {
  for (let row = writer.committed.get(layer); row < table.rows; ) {
    const count = Math.min(Number(step), table.rows - row);
    const rows = new Uint8Array(count * table.rowBytes);
    fillRows(table, seed + layer, row, rows);
    const writing = writer.write(layer, row, rows);
    if (left-- === 0) process.kill(process.pid, "SIGKILL");
    await writing;
    row += count;
  }
}
