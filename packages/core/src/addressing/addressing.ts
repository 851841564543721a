// From token ids to row ids: the numbers of every module of a configuration, and the hashing of whole batches with
// them. Exact, bit for bit, with the implementations the tables were trained by. Row ids depend on tokens alone, so
// they are known before the model runs. Not here: compression of token ids (token-map.ts), and reading rows (store/).

import { typescriptHashKernel } from "../assembly/hash-kernel.js";
import type { HashKernel, TableHasher } from "../assembly/hash-table.js";
import { wasmHashKernel } from "../assembly/hash-wasm-kernel.js";
import { EngramError } from "../errors.js";
import { type AddressingConfig, parseAddressingConfig } from "./addressing-config.js";
import { type ContextRule, DEAD_TOKEN, type LookBack, START_OF_SEQUENCE, writeContexts, writeRun } from "./contexts.js";
import { checkDerivation, type StoredDerivation, storedDerivation } from "./derivation.js";
import { deriveLayers, hashScheme, type LayerAddressing } from "./derive-layers.js";
import { createHistory, type HistoryOptions, type NgramHistory, restoreHistory } from "./history.js";
import { type Ngram, ngramsOf } from "./ngrams.js";
import { checkTokenIds, type TokenRange } from "./token-ids.js";

/** Options of {@link createAddressing}. */
export interface AddressingOptions {
  /** The numbers that a manifest stores; they are used, and must be those derived from the configuration. */
  readonly derived?: StoredDerivation;
  /** `auto`, the default, takes WebAssembly where its SIMD is there. Results are the same. */
  readonly kernel?: "auto" | "wasm" | "typescript";
}

/** Token ids as callers hold them. {@link DEAD_TOKEN} may occur for kind `deepseek-v4.1`. */
export type TokenIds = Uint32Array | readonly number[];

/** The addressing of all modules of a model. Made by {@link createAddressing}. */
export interface Addressing {
  readonly config: AddressingConfig;
  /** The numbers of each module, in the order of `config.layers`. */
  readonly layers: readonly LayerAddressing[];
  /** Heads of a module: orders times heads per order. */
  readonly rowsPerToken: number;
  /** Greatest n-gram order; the hash of a token depends on the maxOrder - 1 tokens before it. */
  readonly maxOrder: number;
  /** Which kernel hashes. */
  readonly kernel: "wasm" | "typescript";
  /**
   * Row ids of a sequence, or of its continuation after `history`, which is not changed: append the ids to it
   * afterwards. Result: [tokens, rowsPerToken], rows of the module's one table (head offset added), heads by n-gram
   * order, then head; written into `out` where that is given.
   * @throws EngramError `token-out-of-range` (index and value), `invalid-argument` (unknown layer, foreign history),
   * `output-length`, `batch-too-large`; nothing is written before all ids are checked.
   */
  rowIds(layer: number, ids: TokenIds, history?: NgramHistory, out?: Uint32Array): Uint32Array;
  /**
   * Row ids of several sequences laid end to end. `cumulativeLengths` has one entry more than there are sequences:
   * sequence s is ids[cumulativeLengths[s] .. cumulativeLengths[s + 1]); it starts with 0 and ends with ids.length.
   * `histories`, where given, has an entry per sequence: what precedes it, or undefined at its start.
   * @throws EngramError as {@link rowIds}, and `invalid-argument` for lengths that do not rise from 0 to ids.length.
   */
  rowIdsPacked(
    layer: number,
    ids: TokenIds,
    cumulativeLengths: Uint32Array,
    histories?: readonly (NgramHistory | undefined)[],
    out?: Uint32Array,
  ): Uint32Array;
  /** The n-grams that end at `ids[position]`, as the hash sees them: for explanations, not for speed. */
  ngrams(layer: number, ids: TokenIds, position: number, history?: NgramHistory): Ngram[];
  /** The history of a sequence that has no tokens yet. One serves all layers. */
  history(options?: HistoryOptions): NgramHistory;
  /** The history that a snapshot was taken of; see {@link restoreHistory}. */
  restoreHistory(snapshot: unknown): NgramHistory;
  /** The derived numbers as JSON, for a manifest. */
  derivation(): StoredDerivation;
}

/** Most row ids of one call: 1 GiB of them. */
export const MAX_ROW_IDS = 2 ** 28;

/**
 * Makes the addressing of a configuration. Takes milliseconds: multipliers and primes are derived here, once.
 * @throws EngramError `invalid-config`; `manifest-mismatch` naming the first of `options.derived` that is not what the
 * configuration gives; `unsupported` where kernel `wasm` is asked for and cannot run here; `invalid-argument`.
 * @example
 * const addressing = createAddressing({ kind: "engram", vocabSize: 98627, seed: 0, layers: [1, 15],
 *   tableSizes: [646400, 646400], headsPerOrder: 8, padId: 2 });
 * addressing.rowIds(1, [83894, 62821]); // Uint32Array(32)
 */
export function createAddressing(config: AddressingConfig, options: AddressingOptions = {}): Addressing {
  const checked = parseAddressingConfig(config);
  const layers = deriveLayers(checked);
  const derived = storedDerivation(layers);
  if (options.derived !== undefined) checkDerivation(options.derived, derived, "createAddressing");
  const kernel = chooseKernel(options.kernel ?? "auto");
  const rule = hashScheme(checked.kind).contextRule(checked);
  const { headsPerOrder, vocabSize } = checked;
  const rowsPerToken = (rule.maxOrder - 1) * headsPerOrder;
  const range: TokenRange = { vocabSize, deadTokens: rule.boundary === DEAD_TOKEN };

  const modules = new Map<number, { numbers: LayerAddressing; hasher: TableHasher }>();
  for (const numbers of layers) {
    const { multipliers, offsets } = numbers;
    const primes = numbers.primes.flat();
    const table = { maxOrder: rule.maxOrder, headsPerOrder, vocabSize, multipliers, primes, offsets };
    modules.set(numbers.layer, { numbers, hasher: kernel.hasher(table) });
  }
  const moduleOf = (layer: number, operation: string) => {
    const module = modules.get(layer);
    if (module !== undefined) return module;
    throw invalid(operation, `layer ${String(layer)} has no table; use one of ${checked.layers.join(", ")}`, { layer });
  };
  const lookBackOf = (history: NgramHistory | undefined, operation: string): LookBack => {
    if (history === undefined) return START_OF_SEQUENCE;
    for (const [field, own] of [
      ["kind", checked.kind],
      ["maxOrder", rule.maxOrder],
      ["vocabSize", vocabSize],
    ] as const) {
      if (history[field] === own) continue;
      throw invalid(
        operation,
        `the history's ${field} is ${String(history[field])} and the addressing's is ${own}; make it with this addressing's history()`,
        { field },
      );
    }
    return history.lookBack();
  };
  const checkedIds = (ids: TokenIds, operation: string): Uint32Array => {
    // what most long batches pass, at a tenth of the time of the check that knows dead tokens and names the bad one
    const plain = ids instanceof Uint32Array && ids.length > SMALL_BATCH && kernel.greatestId(ids) < vocabSize;
    return plain ? ids : checkTokenIds(ids, range, operation);
  };
  const output = (tokens: number, out: Uint32Array | undefined, operation: string): Uint32Array => {
    const length = tokens * rowsPerToken;
    if (length > MAX_ROW_IDS) {
      throw new EngramError({
        code: "batch-too-large",
        operation,
        message: `${tokens} tokens of ${rowsPerToken} rows make ${length} row ids, and one call gives at most ${MAX_ROW_IDS}; split the sequence and pass a history`,
        context: { tokens, length, most: MAX_ROW_IDS },
      });
    }
    if (out === undefined) return new Uint32Array(length);
    if (out instanceof Uint32Array && out.length === length) return out;
    throw new EngramError({
      code: "output-length",
      operation,
      message: `out must be a Uint32Array of ${tokens} tokens times ${rowsPerToken} rows = ${length} entries, and it has ${out.length}; pass out.subarray(0, ${length}) of a larger one`,
      context: { expected: length, found: out.length },
    });
  };

  return {
    config: checked,
    layers,
    rowsPerToken,
    maxOrder: rule.maxOrder,
    kernel: kernel.name,
    rowIds(layer, ids, history, out) {
      const operation = "addressing.rowIds";
      const { hasher } = moduleOf(layer, operation);
      const tokens = checkedIds(ids, operation);
      const before = lookBackOf(history, operation);
      const rows = output(tokens.length, out, operation);
      hashSequences(rule, hasher, tokens, Uint32Array.of(0, tokens.length), [before], rows, rowsPerToken);
      return rows;
    },
    rowIdsPacked(layer, ids, cumulativeLengths, histories, out) {
      const operation = "addressing.rowIdsPacked";
      const { hasher } = moduleOf(layer, operation);
      const tokens = checkedIds(ids, operation);
      checkCumulativeLengths(cumulativeLengths, tokens.length, operation);
      const sequences = cumulativeLengths.length - 1;
      if (histories !== undefined && histories.length !== sequences) {
        throw invalid(
          operation,
          `${histories.length} histories for ${sequences} sequences; give one each, undefined for a sequence that starts here`,
          { histories: histories.length, sequences },
        );
      }
      const before = histories?.map((history) => lookBackOf(history, operation)) ?? [];
      const rows = output(tokens.length, out, operation);
      hashSequences(rule, hasher, tokens, cumulativeLengths, before, rows, rowsPerToken);
      return rows;
    },
    ngrams(layer, ids, position, history) {
      const operation = "addressing.ngrams";
      const { numbers } = moduleOf(layer, operation);
      const tokens = checkTokenIds(ids, range, operation);
      if (!Number.isInteger(position) || position < 0 || position >= tokens.length) {
        throw invalid(
          operation,
          `position is ${String(position)}; use a whole number from 0 to ${tokens.length - 1}, an index of the ids`,
          { position, tokens: tokens.length },
        );
      }
      return ngramsOf(rule, numbers, tokens, position, lookBackOf(history, operation));
    },
    history: (historyOptions) => createHistory(checked, historyOptions),
    restoreHistory: (snapshot) => restoreHistory(checked, snapshot),
    derivation: () => storedDerivation(layers),
  };
}

/** Up to here a loop checks ids as fast as the kernel. */
const SMALL_BATCH = 128;

/** Fewer tokens than this are gathered with those of the next sequences. At least maxOrder - 1. */
const LEAST_RUN = 32;

/** Hashes sequences laid end to end, chunk by chunk; a chunk may hold many short ones or a part of a long one. */
function hashSequences(
  rule: ContextRule,
  hasher: TableHasher,
  ids: Uint32Array,
  bounds: Uint32Array,
  before: readonly LookBack[],
  out: Uint32Array,
  rowsPerToken: number,
): void {
  const { chunkTokens, contexts } = hasher;
  let waiting = 0; // contexts written and not hashed yet
  let done = 0;
  const flush = (): void => {
    hasher.hash(waiting, out, done * rowsPerToken, "contexts");
    done += waiting;
    waiting = 0;
  };
  for (let sequence = 0; sequence + 1 < bounds.length; sequence++) {
    const first = bounds[sequence] as number; // sequence < bounds.length
    const end = bounds[sequence + 1] as number;
    const lookBack = before[sequence] ?? START_OF_SEQUENCE;
    let reach = lookBack.reach;
    for (let from = first; from < end; ) {
      const to = Math.min(end, from + chunkTokens - waiting);
      const range = { first, from, to };
      if (waiting === 0 && to - from >= LEAST_RUN && writeRun(rule, ids, range, lookBack, reach, contexts)) {
        hasher.hash(to - from, out, done * rowsPerToken, "run");
        done += to - from;
        reach = rule.maxOrder - 1;
        from = to;
        continue;
      }
      reach = writeContexts(rule, ids, range, lookBack, reach, contexts, waiting * rule.maxOrder);
      waiting += to - from;
      from = to;
      if (waiting === chunkTokens) flush();
    }
  }
  if (waiting > 0) flush();
}

function checkCumulativeLengths(lengths: Uint32Array, tokens: number, operation: string): void {
  const rising =
    lengths instanceof Uint32Array &&
    lengths[0] === 0 &&
    lengths.at(-1) === tokens &&
    lengths.every((length, i) => i === 0 || length >= (lengths[i - 1] ?? 0));
  if (rising) return;
  throw invalid(
    operation,
    `cumulativeLengths must be a Uint32Array that starts with 0, never falls and ends with the ${tokens} ids given; for sequences of 3 and 2 tokens it is [0, 3, 5]`,
    { tokens },
  );
}

function chooseKernel(name: unknown): HashKernel {
  if (name === "typescript") return typescriptHashKernel;
  if (name !== "wasm" && name !== "auto") {
    throw invalid("createAddressing", `kernel is ${String(name)}; use auto, wasm or typescript`, { kernel: name });
  }
  const kernel = wasmHashKernel();
  if (kernel !== undefined) return kernel;
  if (name === "auto") return typescriptHashKernel;
  throw new EngramError({
    code: "unsupported",
    operation: "createAddressing",
    message: "kernel wasm needs WebAssembly with SIMD; use kernel auto or typescript, which give the same row ids",
  });
}

function invalid(operation: string, message: string, context: Record<string, unknown>): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message, context });
}
