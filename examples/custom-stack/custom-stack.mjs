// A model with a block kind of our own: a feed-forward that squeezes a token through a few values and norms them there.
// A kind is what a block's fields mean and which parameters it has; its operation is written over the backend's, so it
// runs on every engine, and its gradients come by themselves.
import {
  awaitRows,
  createModel,
  fillRows,
  forward,
  forwardWithRows,
  generate,
  memoryTables,
  modelBuilder,
  openTape,
  packTokens,
  randomParameters,
  referenceBackend,
  rowsNeeded,
  tableInfo,
} from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";

const squeeze = {
  slot: "feedForward",
  kind: "acme/squeeze",
  parse: (fields) => ({
    kind: "acme/squeeze",
    rank: fields.whole("rank", { least: 1, most: 1024 }, "the values that a token is squeezed through"),
  }),
  parameters: ({ rank }, { width }) => [
    { name: "in.weight", shape: [rank, width], component: "custom", initial: "normal" },
    { name: "norm.weight", shape: [rank], component: "custom", initial: "ones" },
    { name: "out.weight", shape: [width, rank], component: "custom", initial: "normal" },
  ],
};
const runSqueeze = ({ calls, x, parameter, model }) => {
  const squeezed = calls.linear({ x, weight: parameter("in.weight") }, {}).y; // [N, rank]
  const normed = calls.rmsNorm({ x: squeezed, weight: parameter("norm.weight") }, { epsilon: model.normEpsilon }).y;
  return calls.linear({ x: normed, weight: parameter("out.weight") }, {}).y; // [N, width]
};

const kinds = [squeeze];
const encoding = { kind: "bf16", width: 8 };
const spec = modelBuilder({ vocabSize: 256, width: 32, contextTokens: 128, head: "tied", kinds })
  .streams({ kind: "mhc", count: 2 })
  .memory({ kind: "engram", vocabSize: 256, seed: 0, tableSizes: [500, 500], headsPerOrder: 4, padId: 0 }, encoding)
  .each({
    attention: { kind: "gqa", heads: 4, kvHeads: 2, headDim: 8 },
    feedForward: { kind: "acme/squeeze", rank: 6 },
  })
  .block()
  .block({ engram: { kind: "engram" } })
  .build();

const backend = referenceBackend();
const parameters = randomParameters(backend, spec, { seed: 1, kinds });
const model = createModel({ spec, backend, parameters, kinds, operations: { "acme/squeeze": runSqueeze } });
const tables = new Map();
for (const { layer, rows } of memoryTables(spec.memory)) {
  const table = tableInfo({ rows, encoding });
  tables.set(layer, dramStore({ table, initialize: (firstRow, out) => fillRows(table, layer, firstRow, out) }));
}
const ids = [];
for await (const id of generate(model, { prompt: [72, 105], tables, maxTokens: 8, temperature: 1, seed: 1 }))
  ids.push(id);
console.log(`generated ${ids.join(" ")}`);

// One gradient, of a weight of our kind.
const tokens = packTokens([ids]);
const rows = rowsNeeded(model, tokens);
const memory = await awaitRows(model, rows, { tables });
const weight = parameters.get("blocks.0.feedForward.in.weight");
const tape = openTape(backend);
tape.watch([weight]);
const batch = { ...tokens, rows, outputs: Uint32Array.of(6) };
const { logits } = forwardWithRows(forward(model, tape.calls, batch), memory);
const { loss } = tape.calls.crossEntropy({ logits }, { targets: Int32Array.of(ids[7]) });
const gradient = await backend.download(tape.backward(loss).of(weight));
console.log(`loss ${loss.values[0].toFixed(4)}, gradient of ${gradient.length} values: ${Math.hypot(...gradient)}`);
