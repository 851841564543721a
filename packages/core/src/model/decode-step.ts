// One step of inference: new tokens of one or more sequences, of any lengths, in one forward. The rows of all blocks are
// asked for before the first block runs, and waited for where they are needed. Prefill and decode are the same step.

import type { NgramHistory } from "../addressing/history.js";
import { EngramError } from "../errors.js";
import type { Ticket } from "../store/row-store.js";
import { openScope } from "./backend-scope.js";
import type { DecodeState, StateStep } from "./decode-state.js";
import { type ForwardBatch, type ForwardResult, forward } from "./forward.js";
import { forwardWithTickets, prefetchRows, type RowTables } from "./forward-drivers.js";
import type { Model } from "./forward-model.js";
import { memoryWidth } from "./parameters.js";
import { addressedIds, type PackedTokens, packTokens, type RowsNeeded, rowsNeeded } from "./rows-needed.js";

/** New tokens of one sequence. */
export interface StepSequence<T> {
  readonly state: DecodeState<T>;
  readonly ids: Uint32Array | readonly number[];
  /** Tokens that take nothing from memory, see `PackedTokens.dead`. */
  readonly dead?: Uint8Array;
}

/** Options of {@link decodeStep}. */
export interface StepOptions extends RowTables {
  /** Logits of every token, or only of the last of each sequence (the default). */
  readonly logits?: "last" | "all";
  /** Names of reports to bring back besides, see `ForwardResult.reports`. */
  readonly reports?: readonly string[];
}

/** What a step gives. */
export interface StepResult {
  /**
   * One entry a sequence: `[tokens, vocabSize]`, or `[1, vocabSize]` of its last token; empty for a sequence that had no
   * tokens.
   */
  readonly logits: readonly Float32Array[];
  /** The values asked for, over all sequences' tokens. */
  readonly reports: ReadonlyMap<string, Float32Array>;
}

/**
 * Runs new tokens through a model. All states advance, or where it throws, none.
 * @throws EngramError `invalid-argument` for states of another model, one state twice, too many tokens, a missing table;
 * `token-out-of-range`; `aborted`; and what reading rows failed with.
 * @example
 * const { logits } = await decodeStep(model, [{ state, ids: prompt }], { tables }); // prefill
 * const next = await decodeStep(model, [{ state, ids: [token] }], { tables }); // decode
 */
export async function decodeStep<T>(
  model: Model<T>,
  sequences: readonly StepSequence<T>[],
  options: StepOptions = {},
): Promise<StepResult> {
  const { signal, logits = "last", reports: named = [] } = options;
  checkAborted(signal);
  checkStates(model, sequences);
  const tokens = packed(sequences);
  const histories = sequences.map(({ state }) => state.history);
  const rows = rowsNeeded(model, tokens, histories);
  const after = historiesAfter(model, tokens, histories);
  const outputs = outputTokens(tokens.cumulativeLengths, logits);

  const steps: StateStep<T>[] = [];
  let tickets: ReadonlyMap<number, Ticket> = new Map();
  const scope = openScope(model.backend);
  try {
    for (const { state, ids } of sequences) steps.push(state.openStep(ids.length));
    tickets = prefetchRows(rows, options);
    const batch: ForwardBatch<T> = {
      ...tokens,
      rows,
      outputs,
      starts: Uint32Array.from(sequences, ({ state }) => state.length),
      caches: (name, shape) => steps.map((one) => one.cache(name, shape)),
      blockDone: (needed, made) => scope.freeAllBut([...needed, ...named.flatMap((name) => made.get(name) ?? [])]),
    };
    const running = forward(model, scope.calls, batch);
    const { memory } = model.spec;
    const result =
      memory === undefined
        ? withoutRows(running)
        : await forwardWithTickets(running, {
            backend: model.backend,
            tickets,
            encoding: memory.encoding,
            shape: [tokens.ids.length, memoryWidth(memory)],
            own: scope.own,
          });
    const values = await model.backend.download(result.logits, signal && { signal });
    const reports = await downloads(model, result, named);
    checkAborted(signal);
    steps.forEach((one, s) => {
      one.commit(after[s]);
    });
    return { logits: split(values, tokens.cumulativeLengths, logits, model.spec.vocabSize), reports };
  } finally {
    for (const ticket of tickets.values()) ticket.release();
    for (const one of steps) one.abandon(); // nothing where it was committed
    scope.close();
  }
}

function packed<T>(sequences: readonly StepSequence<T>[]): PackedTokens {
  const tokens = packTokens(sequences.map(({ ids }) => ids));
  if (sequences.every(({ dead }) => dead === undefined)) return tokens;
  const dead = new Uint8Array(tokens.ids.length);
  sequences.forEach((sequence, s) => {
    if (sequence.dead !== undefined && sequence.dead.length !== sequence.ids.length) {
      throw refused(`sequences[${s}].dead has ${sequence.dead.length} entries for ${sequence.ids.length} tokens`);
    }
    dead.set(sequence.dead ?? [], tokens.cumulativeLengths[s]);
  });
  return { ...tokens, dead };
}

function historiesAfter<T>(
  model: Model<T>,
  tokens: PackedTokens,
  histories: readonly (NgramHistory | undefined)[],
): (NgramHistory | undefined)[] {
  if (model.addressing === undefined) return histories.map(() => undefined);
  const ids = addressedIds(model, tokens);
  return histories.map((history, s) =>
    history?.append(ids.subarray(tokens.cumulativeLengths[s], tokens.cumulativeLengths[s + 1])),
  );
}

function outputTokens(cumulativeLengths: Uint32Array, logits: "last" | "all"): Uint32Array {
  if (logits === "all") return Uint32Array.from({ length: cumulativeLengths.at(-1) ?? 0 }, (_, i) => i);
  const ends = [...cumulativeLengths.subarray(1)];
  return Uint32Array.from(ends.filter((end, s) => end > (cumulativeLengths[s] ?? 0)).map((end) => end - 1));
}

/** Logits of all sequences, cut into one array a sequence. */
function split(
  values: Float32Array,
  cumulativeLengths: Uint32Array,
  logits: "last" | "all",
  vocabulary: number,
): Float32Array[] {
  const parts: Float32Array[] = [];
  let at = 0;
  for (let s = 0; s + 1 < cumulativeLengths.length; s++) {
    const tokens = (cumulativeLengths[s + 1] ?? 0) - (cumulativeLengths[s] ?? 0);
    const length = (logits === "all" ? tokens : Math.min(1, tokens)) * vocabulary;
    parts.push(values.slice(at, at + length));
    at += length;
  }
  return parts;
}

async function downloads<T>(
  { backend }: Model<T>,
  { reports }: ForwardResult<T>,
  names: readonly string[],
): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const name of names) {
    const tensor = reports.get(name);
    if (tensor === undefined) throw refused(`there is no report ${name}; there are ${[...reports.keys()].join(", ")}`);
    values.set(name, await backend.download(tensor));
  }
  return values;
}

function withoutRows<T>(running: Generator<RowsNeeded, ForwardResult<T>, T>): ForwardResult<T> {
  const only = running.next();
  if (only.done) return only.value;
  throw refused(`block ${only.value.layer} needs rows and the model has no memory`);
}

function checkStates<T>(model: Model<T>, sequences: readonly StepSequence<T>[]): void {
  sequences.forEach(({ state }, s) => {
    if (state.model !== model) {
      throw refused(`sequences[${s}] has the state of another model; make it with createDecodeState(model)`);
    }
    const first = sequences.findIndex((one) => one.state === state);
    if (first < s) throw refused(`sequences[${first}] and sequences[${s}] have the same state; fork it`);
  });
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new EngramError({
    code: "aborted",
    operation: "decodeStep",
    message: "the signal was aborted; the states are as before",
    cause: signal.reason,
  });
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "decodeStep", message });
}
