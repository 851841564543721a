// Trains one cell and measures it: the whole way from its JSON to its result, in this process, on an engine that is open
// already. Deterministic: the same cell on the same engine gives the same losses. Not here: which cells, and where their
// results go.

import {
  type Backend,
  countParameters,
  createModel,
  DEFAULT_WORKLOAD,
  type JsonValue,
  type ModelSpec,
  modelCost,
  randomParameters,
} from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import {
  createTrainer,
  evaluate,
  evaluationBatches,
  initializeBytes,
  initialRows,
  momentsTable,
  type StepMetrics,
  smoothedPoints,
  tablesOf,
  tokenSource,
} from "@engram-ts/train";
import type { Cell, CellResult, JsonObject } from "../cell.js";
import { PROBES } from "../probes/all-probes.js";
import { TEXTS } from "../probes/all-texts.js";
import type { CellText, CorpusShards } from "../text.js";
import type { ExperimentCorpora } from "./experiment-corpora.js";

/** What a process that trains cells has open. */
export interface CellBench<T> {
  readonly backend: Backend<T>;
  readonly corpora: ExperimentCorpora;
}

/** What a cell gives by itself; where it ran is added by whoever ran it. */
export type TrainedResult = Omit<CellResult, "digest" | "engine" | "machine" | "commit">;

/** Points of a loss curve that are kept. */
const CURVE_POINTS = 60;
/** Steps that build graphs, and do not count in the pace. */
const FIRST_STEPS = 3;

/** The text of a cell. */
export async function cellText(corpora: ExperimentCorpora, cell: Cell): Promise<CellText> {
  const shards = await corpora.open(cell.corpus);
  if (cell.text === undefined) return corpusText(shards, cell);
  const maker = TEXTS[cell.text.name];
  if (maker === undefined) throw new RangeError(`${cell.id}: there is no text ${cell.text.name}`);
  return maker(shards, cell, cell.text.options);
}

/** A corpus as it is: rows of equal length, read in an order that the cell's seed determines. */
function corpusText({ training, heldOut }: CorpusShards, { batch, seed }: Cell): CellText {
  return {
    digest: `${training.digest} ${heldOut.digest}`,
    tokens: training.ids.length,
    source: tokenSource(training, { ...batch, packing: "rows", seed }),
    heldOut: (maxTokens) => evaluationBatches(heldOut, { ...batch, packing: "rows", maxTokens }),
  };
}

/** Trains a cell, takes its held-out loss, runs its probes. @param onStep told of steps taken. */
export async function trainCell<T>(
  bench: CellBench<T>,
  cell: Cell,
  onStep?: (step: number) => void,
): Promise<TrainedResult> {
  const began = performance.now();
  const open = await openCell(bench, cell);
  try {
    const { trainer, text } = open;
    const losses: [number, number][] = [];
    const pace = paceClock();
    while (trainer.step < trainer.config.steps) {
      const taken = await trainer.takeStep();
      losses.push([taken.step, taken.loss]);
      pace.add(taken);
      onStep?.(taken.step);
    }
    const held = await evaluate(open.model, text.heldOut(cell.heldOutTokens), { tables: open.tables });
    const probes = await probeResults(bench, open, cell);
    const { total, activated } = countParameters(cell.spec);
    const { tokens, seconds: trainSeconds } = pace.whole();
    return {
      cell,
      seconds: (performance.now() - began) / 1000,
      trainSeconds,
      tokens,
      tokensPerSecond: pace.tokensPerSecond(),
      epochs: tokens / text.tokens,
      parameters: { total, activated, flopsPerToken: trainingFlops(cell.spec, cell.batch) },
      curve: smoothedPoints(losses, CURVE_POINTS).map(([step, loss]) => [step, Number(loss.toFixed(4))] as const),
      heldOut: {
        loss: held.loss,
        bitsPerByte: Number.isFinite(held.bitsPerByte) ? held.bitsPerByte : null,
        targets: held.targets,
      },
      probes,
    };
  } finally {
    await open.close();
  }
}

/** A cell's model, tables and trainer, before the first step. */
export async function openCell<T>({ backend, corpora }: CellBench<T>, cell: Cell) {
  const { spec, seed, config } = cell;
  const text = await cellText(corpora, cell);
  const parameters = randomParameters(backend, spec, { seed });
  for (const [name, value] of Object.entries(cell.fill ?? {})) fill(backend, parameters, name, value);
  const tokenMap = needsMap(spec) ? corpora.tokenMap : undefined;
  const model = createModel({ spec, backend, parameters, ...(tokenMap && { tokenMap }) });
  const trained = new Map(
    [...tablesOf(spec)].map(([layer, table]) => {
      const initial = initialRows({ seed, layer, width: table.encoding.width });
      const rows = dramStore({ table, initialize: initializeBytes(table, initial) });
      return [layer, { rows, moments: dramStore({ table: momentsTable(table) }), initial }] as const;
    }),
  );
  const trainer = await createTrainer({ model, tables: trained, source: text.source, config });
  return {
    model,
    tokenMap,
    text,
    trainer,
    tables: new Map([...trained].map(([layer, { rows }]) => [layer, rows])),
    async close() {
      trainer.close();
      backend.dispose(parameters.values());
      for (const { rows, moments } of trained.values()) await Promise.all([rows.close(), moments.close()]);
    },
  };
}

async function probeResults<T>(
  { backend, corpora }: CellBench<T>,
  { model, tables, tokenMap }: Awaited<ReturnType<typeof openCell<T>>>,
  cell: Cell,
): Promise<JsonObject> {
  const shards = await corpora.open(cell.corpus);
  const results: Record<string, JsonValue> = {};
  for (const { probe: name, options, as = name } of cell.probes) {
    const probe = PROBES.find((one) => one.name === name);
    if (probe === undefined) throw new RangeError(`${cell.id}: there is no probe ${name}`);
    const { tokenizer } = corpora;
    results[as] = await probe.run({ cell, backend, model, tables, tokenizer, tokenMap, ...shards }, options);
  }
  return results;
}

/** Tokens and seconds of steps; the first ones, which build graphs, do not count in the pace. */
function paceClock() {
  const whole = { tokens: 0, seconds: 0 };
  const later = { tokens: 0, seconds: 0 };
  return {
    add({ step, tokens, seconds }: StepMetrics) {
      for (const sum of step > FIRST_STEPS ? [whole, later] : [whole]) {
        sum.tokens += tokens;
        sum.seconds += seconds.total;
      }
    },
    whole: () => whole,
    tokensPerSecond: () => (later.seconds > 0 ? later.tokens / later.seconds : whole.tokens / whole.seconds),
  };
}

/** Forward and backward, which is twice as much, of one token in a sequence of the cell's length. */
function trainingFlops(spec: ModelSpec, { length }: Cell["batch"]): number {
  return 3 * modelCost(spec, { ...DEFAULT_WORKLOAD, prefillTokens: length }).prefill.flopsPerToken;
}

function needsMap({ memory, vocabSize }: ModelSpec): boolean {
  return memory !== undefined && memory.addressing.vocabSize !== vocabSize;
}

function fill<T>(backend: Backend<T>, parameters: Map<string, T>, name: string, value: number): void {
  const before = parameters.get(name);
  if (before === undefined) throw new RangeError(`there is no parameter ${name} to fill`);
  const shape = backend.shape(before);
  const size = shape.reduce((product, side) => product * side, 1);
  parameters.set(name, backend.upload(new Float32Array(size).fill(value), shape));
  backend.dispose([before]);
}
