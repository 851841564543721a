// A process that reads rows all the time, while another one writes. argv: folder, rows of a group. The writer sets all
// rows of the group to one value at once, so rows of one ticket that differ are a mix of two commits. A line each time the
// value changes; ends when the value is 255, or with what was wrong.
import { lmdbStore } from "@engram-ts/store-lmdb";

const [, , path, count] = process.argv;
const store = await lmdbStore({ path, refreshMs: 1 });
const ids = Uint32Array.from({ length: Number(count) }, (_, i) => i * 7);
const { rowBytes } = store.table;
const out = new Uint8Array(ids.length * rowBytes);
let last = -1;
while (last !== 255) {
  const ticket = store.prefetch(ids);
  await ticket.ready;
  for (let again = 0; again < 2; again++) {
    ticket.gather(out);
    if (out.some((byte) => byte !== out[0]))
      throw new Error(`rows of two commits in one ticket: ${new Set(out).size} values`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  ticket.release();
  if (out[0] < last) throw new Error(`${out[0]} after ${last}`);
  if (out[0] !== last) console.log(out[0]);
  last = out[0];
}
await store.close();
