// From token ids to the rows of every layer, wherever the tables lie: one URI or stack, as an argument.
//   node examples/tables/read-tables.mjs "dram(1GiB) > lmdb:./cache > s3://bucket/tables"
import { createAddressing, openTables } from "@engram-ts/core";
import { dramDriver } from "@engram-ts/store-dram";
import { fileDriver } from "@engram-ts/store-file";
import { lmdbDriver } from "@engram-ts/store-lmdb";
import { s3Driver } from "@engram-ts/store-s3";

const drivers = [dramDriver(), fileDriver(), lmdbDriver(), s3Driver()]; // leave out those you do not use
const { manifest, tables, close } = await openTables(process.argv[2] ?? "file:./tables", { drivers });

// The manifest says how tokens become row ids; its stored numbers are compared with the derived ones.
const addressing = createAddressing(manifest.addressing, { derived: manifest.derived });
const tokens = Uint32Array.of(11, 7, 5, 3, 2);

// Ask for all layers before the model runs ...
const tickets = [...tables].map(([layer, store]) => ({
  layer,
  width: store.table.encoding.width,
  ticket: store.prefetch(addressing.rowIds(layer, tokens)),
}));
// ... and take each layer's rows when its block needs them.
for (const { layer, width, ticket } of tickets) {
  if (!ticket.settled) await ticket.ready;
  const rows = new Float32Array(ticket.length * width);
  ticket.decode(rows);
  ticket.release();
  console.log(`layer ${layer}: ${ticket.length} rows of ${width}, ${JSON.stringify(tables.get(layer)?.stats().hits)}`);
}
await close();
