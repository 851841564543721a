// A process that takes part in cells about offload: whole decode steps of a model with random weights, its rows on a tier.
// A call is one step of all sequences, each fed the next token of the trace, so every contestant computes the same.
//   offload-contestant.js '{"spec":"/t/spec.json","engine":"reference","uri":"file:/t","tokens":"/t/tokens.u32","sequences":1}'

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import {
  createDecodeState,
  createModel,
  type DecodeState,
  decodeStep,
  parseModelSpec,
  type RowStore,
  randomParameters,
} from "@engram-ts/core";
import { onDemand } from "./demand-store.js";
import { openEngine } from "./open-engine.js";
import { openTablesAt } from "./open-store.js";
import { parseRequest } from "./request.js";
import { runRound } from "./round-loops.js";
import { checksum } from "./table-words.js";

/** What the process is told. */
export interface OffloadContestantOptions {
  /** A file with the model's specification. */
  readonly spec: string;
  readonly engine: string;
  readonly uri: string;
  /** A file of 32-bit token ids, as the addressing takes them: `[calls, sequences]`. */
  readonly tokens: string;
  readonly sequences: number;
  /** Rows are asked for when a block needs them, and not before. */
  readonly onDemand?: boolean;
}

const options = JSON.parse(process.argv[2] ?? "{}") as OffloadContestantOptions; // by the harness that starts this
const spec = parseModelSpec(JSON.parse(readFileSync(options.spec, "utf8")));
const bytes = readFileSync(options.tokens);
const tokens = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const listed = Math.floor(tokens.length / options.sequences);
/** One processor is left to whoever brings rows: threads that wait for each other would take it, and stand still by turns. */
const threads = Math.max(1, availableParallelism() - 1);
const backend = await openEngine(options.engine, { threads });
const model = createModel({ spec, backend, parameters: randomParameters(backend, spec, { seed: 1 }) });
const layers = spec.memory?.addressing.layers ?? [];
const opened = await openTablesAt(options.uri, layers);
const tables = new Map<number, RowStore>(
  [...opened.tables].map(([layer, store]) => [layer, options.onDemand === true ? onDemand(store) : store]),
);

/** Tokens that a sequence grows to before it begins anew: attention shall not take more and more of a step. */
const CONTEXT = 64;
let states: DecodeState<unknown>[] = [];
let latest: readonly Float32Array[] = [];

async function step(index: number): Promise<void> {
  if (states.length === 0 || (states[0]?.length ?? 0) >= CONTEXT) begin();
  const sequences = states.map((state, s) => ({ state, ids: [tokens[index * options.sequences + s] ?? 0] }));
  const { logits } = await decodeStep(model, sequences, { tables });
  latest = logits;
}

function begin(): void {
  for (const state of states) state.close();
  states = Array.from({ length: options.sequences }, () => createDecodeState(model, { capacity: CONTEXT }));
}

/** Of the tokens that are most likely next: equal on every tier, since rows are. */
function likeliest(): Uint8Array {
  const best = Uint32Array.from(latest, (logits) =>
    logits.reduce((best, value, i) => (value > (logits[best] ?? 0) ? i : best), 0),
  );
  return new Uint8Array(best.buffer);
}

console.log(
  JSON.stringify({ ready: true, version: `Node ${process.versions.node}, ${backend.name}, ${threads} threads` }),
);
for await (const line of createInterface({ input: process.stdin })) {
  const request = parseRequest(line);
  begin(); // so that what a round gives depends on the round alone
  const answer = await runRound(step, listed, request);
  console.log(JSON.stringify({ ...answer, ...(request.check === 1 ? { checksum: checksum(likeliest()) } : {}) }));
}
