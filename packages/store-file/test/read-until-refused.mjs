// A process that reads random rows of a table until it is refused, and says with which code; every row it was given is
// checked. Its arguments are the options of fileStore as JSON, the rows of the table and the seed of its rows. It runs the
// built packages, as any process does.
import { isEngramError } from "@engram-ts/core";
import { fileStore } from "@engram-ts/store-file";
import { findWrongRow } from "@engram-ts/store-kit";

const [json, seed] = process.argv.slice(2);
let store;
try {
  store = fileStore(JSON.parse(json));
  const { table } = store;
  const rowIds = new Uint32Array(512);
  const rows = new Uint8Array(rowIds.length * table.rowBytes);
  // Held from the beginning: what it reads was there when it was made, and nobody asks again before it is gathered.
  const held = store.prefetch(Uint32Array.from(rowIds, (_, i) => table.rows - 1 - i));
  await held.ready;
  held.gather(rows);
  process.stdout.write(`${store.diagnostics.mapping}\n`);
  for (;;) {
    held.gather(rows);
    for (let i = 0; i < rowIds.length; i++) rowIds[i] = Math.floor(Math.random() * table.rows);
    const ticket = store.prefetch(rowIds);
    await ticket.ready;
    ticket.gather(rows);
    ticket.release();
    const wrong = findWrongRow(table, Number(seed), rowIds, rows);
    if (wrong >= 0) throw new Error(`row ${rowIds[wrong]} is wrong`);
    await new Promise(setImmediate);
  }
} catch (error) {
  if (!isEngramError(error)) throw error;
  process.stdout.write(`${error.code}\n`);
}
await store?.close();
