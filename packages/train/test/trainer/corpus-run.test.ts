// From text to a trained model and back, through all parts: a small corpus, its own tokenizer, shards, a run that is
// stopped and goes on in another trainer, and held-out text that it predicts better than before.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModel, modelBuilder, randomParameters, referenceBackend } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { afterAll, expect, it } from "vitest";
import {
  checkpointFolder,
  createTrainer,
  evaluate,
  evaluationBatches,
  initializeBytes,
  initialRows,
  loadCorpus,
  memoryTexts,
  metricsFile,
  momentsTable,
  openTokenizer,
  openTokenShards,
  runTraining,
  tablesOf,
  tokenSource,
  trainTokenizer,
  writeTokenShards,
} from "../../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "engram-corpus-"));
afterAll(() => rmSync(folder, { recursive: true }));

const CITIES = ["Paris", "Rome", "Oslo", "Lima", "Cairo", "Delhi", "Quito", "Hanoi"];
const texts = Array.from({ length: 160 }, (_, i) => {
  const city = CITIES[(i * 5 + (i >> 3)) % CITIES.length];
  return `The ${i % 2 === 0 ? "capital" : "market"} of ${city} lies by the river, and ${city} has ${i % 7} old bridges.`;
});

it("learns a small corpus, stops, goes on, and predicts what it has not seen", async () => {
  const corpus = await loadCorpus([memoryTexts("cities", texts)]);
  const tokenizer = openTokenizer(
    trainTokenizer(
      corpus.documents.map(({ text }) => text),
      { vocabSize: 320 },
    ),
  );
  const tokens = join(folder, "tokens");
  await writeTokenShards(tokens, corpus, tokenizer, { end: "<|endoftext|>", validation: 0.1 });
  const training = await openTokenShards(tokens, "training", tokenizer);
  const vocabSize = tokenizer.vocabulary.size;
  const spec = modelBuilder({ vocabSize, width: 16, contextTokens: 64, head: "tied" })
    .memory(
      { kind: "engram", vocabSize, seed: 0, tableSizes: [200, 200], headsPerOrder: 2, padId: 0 },
      { kind: "f32", width: 4 },
    )
    .each({ attention: { kind: "gqa", heads: 2, headDim: 8 }, feedForward: { kind: "dense", hiddenWidth: 32 } })
    .block({ engram: { kind: "engram" } })
    .block()
    .build();
  const open = async () => {
    const backend = referenceBackend();
    const model = createModel({ spec, backend, parameters: randomParameters(backend, spec, { seed: 1 }) });
    const tables = new Map(
      [...tablesOf(spec)].map(([layer, table]) => {
        const initial = initialRows({ seed: 1, layer, width: table.encoding.width });
        const rows = dramStore({ table, initialize: initializeBytes(table, initial) });
        return [layer, { rows, moments: dramStore({ table: momentsTable(table) }), initial }];
      }),
    );
    const config = { steps: 24, learningRate: 0.01 };
    const source = tokenSource(training, { rows: 2, length: 32, seed: 3 });
    return createTrainer({ model, tables, source, config });
  };
  const checkpoints = checkpointFolder(join(folder, "checkpoints"));
  const path = join(folder, "metrics.jsonl");
  const stop = new AbortController();
  const first = await open();
  const metrics = await metricsFile(path, { step: 0 });
  const { ended } = await runTraining(first, {
    checkpoints,
    signal: stop.signal,
    async onStep(step) {
      await metrics.write(step);
      if (step.step === 10) stop.abort();
    },
  });
  expect(ended).toBe("aborted");

  const second = await open();
  const held = await openTokenShards(tokens, "validation", tokenizer);
  const heldLoss = async () => {
    const tables = new Map([...second.tables].map(([layer, { rows }]) => [layer, rows]));
    return evaluate(second.model, evaluationBatches(held, { rows: 2, length: 32 }), { tables });
  };
  const before = await heldLoss();
  const latest = await checkpoints.latest();
  if (latest === undefined) throw new Error("no checkpoint");
  await second.restore(latest.storage);
  const rest = await metricsFile(path, { step: second.step });
  const result = await runTraining(second, { checkpoints, onStep: (step) => rest.write(step) });
  expect(result).toMatchObject({ ended: "finished", step: 24 });
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual(
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
  const after = await heldLoss();
  expect(after.bitsPerByte).toBeLessThan(0.8 * before.bitsPerByte);
  expect(after.bytes).toBe(before.bytes);
});
