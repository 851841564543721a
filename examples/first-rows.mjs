// Token ids in, decoded rows out: addressing, a store, and the two halves of a read.
import { createAddressing, tableInfo } from "@engram-ts/core";
import { openDramStore } from "@engram-ts/store-dram";

const addressing = createAddressing({
  kind: "engram",
  vocabSize: 98_627, // of the compressed DeepSeek-V3 tokenizer
  seed: 0,
  layers: [1, 15], // blocks that own a table
  tableSizes: [10_000, 10_000], // least rows of a head, for 2-grams and 3-grams
  headsPerOrder: 8,
  padId: 2,
});
const [first] = addressing.layers;

// A table of the rows that layer 1 needs, 64 bf16 values each; zeros here, files, LMDB or S3 in real life.
const table = tableInfo({ rows: first.rows, encoding: { kind: "bf16", width: 64 } });
const store = await openDramStore({ table });

// The rows depend on the tokens alone: ask for them before the model runs ...
let history = addressing.history();
const tokens = Uint32Array.of(237, 5095, 251, 71353); // "the capital of albania"
const ticket = store.prefetch(addressing.rowIds(1, tokens, history), { deadlineMs: 5 });
history = history.append(tokens); // ... and look back from there at the next step

// ... and take them when its block needs them: 4 tokens of 16 rows of 64 values.
if (!ticket.settled) await ticket.ready;
const memory = new Float32Array(ticket.length * 64);
ticket.decode(memory);
ticket.release();

console.log(`${ticket.length} rows, ${memory.length} values, ${JSON.stringify(store.stats().hits)}`);
await store.close();
