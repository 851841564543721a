// From a trace to the rows that a module asks for, call by call: what a decode step of so many sequences reads, what drafts
// read, what a prefill chunk reads. Tables may be smaller than the preset's: the same hashes, taken modulo smaller primes.

import {
  ADDRESSING_PRESETS,
  type Addressing,
  type AddressingConfig,
  type AddressingPresetName,
  compressIds,
  createAddressing,
  type RowEncoding,
} from "@engram-ts/core";
import { seeded } from "../statistics/seeded.js";
import type { Trace, TraceTokenizer } from "./trace.js";

/** How rows are asked for. */
export type AccessKind = "decode" | "draft" | "prefill";

/** Tokens of one sequence in one call. */
const ACCESS_TOKENS: Readonly<Record<AccessKind, number>> = { decode: 1, draft: 6, prefill: 2_048 };

/** A preset's addressing with a table of about so many rows, and how its rows are written. */
export interface SizedAddressing {
  readonly preset: AddressingPresetName;
  readonly addressing: Addressing;
  /** The first module's. */
  readonly layer: number;
  readonly rows: number;
  readonly rowsPerToken: number;
  readonly encoding: RowEncoding;
}

/** The preset's addressing, its first module alone, with about `rows` rows; all of its own rows where that is left out. */
export function sizedAddressing(preset: AddressingPresetName, rows?: number): SizedAddressing {
  const { config, encoding } = ADDRESSING_PRESETS[preset];
  const [layer = 0] = config.layers;
  const heads = config.tableSizes.length * config.headsPerOrder;
  const tableSizes = config.tableSizes.map((size) =>
    rows === undefined ? size : Math.max(2, Math.floor(rows / heads) - 8 * Math.round(Math.log(rows + 2))),
  );
  const sized: AddressingConfig = { ...config, tableSizes: tableSizes.map((size) => Math.max(2, size)) };
  const addressing = createAddressing(sized);
  const module = addressing.layers.find((one) => one.layer === layer);
  return { preset, addressing, layer, rows: module?.rows ?? 0, rowsPerToken: addressing.rowsPerToken, encoding };
}

/** The rows of all calls, one after the other. */
export interface CallRows {
  /** `[calls, count]`. */
  readonly ids: Uint32Array;
  readonly count: number;
  readonly calls: number;
}

/** Tokens of one sequence in one call, of a trace of so many. */
export function callTokens(access: AccessKind, sequences: number, tokens: number): number {
  return Math.max(1, Math.min(ACCESS_TOKENS[access], Math.floor(tokens / sequences)));
}

/** What each call reads: so many sequences, each going on through its own part of the trace. */
export function traceCalls(
  { addressing, layer, preset, rowsPerToken }: SizedAddressing,
  trace: Trace,
  tokenizer: TraceTokenizer,
  access: { readonly kind: AccessKind; readonly sequences: number },
): CallRows {
  const tokens = preset === "qwen3.8-flash-next" ? trace.ids : compressIds(tokenizer.tokenMap, trace.ids);
  const all = addressing.rowIds(layer, tokens);
  const { sequences } = access;
  const part = Math.floor(tokens.length / sequences);
  const width = callTokens(access.kind, sequences, tokens.length);
  const calls = Math.max(1, Math.floor(part / width));
  const run = width * rowsPerToken;
  const count = sequences * run;
  const ids = new Uint32Array(calls * count);
  for (let call = 0; call < calls; call++) {
    for (let s = 0; s < sequences; s++) {
      const from = (s * part + call * width) * rowsPerToken;
      ids.set(all.subarray(from, from + run), call * count + s * run);
    }
  }
  return { ids, count, calls };
}

/** The same calls with rows drawn at random: no n-gram comes again more often than another. */
export function uniformCalls({ count, calls }: CallRows, rows: number, seed: number): CallRows {
  const random = seeded(seed);
  return { ids: Uint32Array.from({ length: count * calls }, () => Math.floor(random() * rows)), count, calls };
}
