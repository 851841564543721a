// A packed batch as attention and convolutions want it: its sequences that have tokens, and runs of neighbours that have
// equally many, which one operation takes side by side. Leaves that depend on the batch alone (positions, masks) are made
// once and shared by all layers. Not here: caches (cache-access.ts).

import type { Sequences } from "@engram-ts/core";
import type { GgmlNode } from "../nodes/node.js";
import { hostLeaf } from "../nodes/shape.js";

/** A sequence with tokens in the batch. */
export interface BatchSequence {
  /** Its number, empty ones counted. */
  readonly sequence: number;
  /** Its tokens are `length` from `from` on; the first is at position `start`. */
  readonly from: number;
  readonly length: number;
  readonly start: number;
}

/** Neighbouring sequences of equally many tokens; also a part of a batch that is treated as one sequence. */
export interface SequenceRun {
  readonly members: readonly BatchSequence[];
  readonly from: number;
  /** Tokens of each of `count` sequences. */
  readonly length: number;
  readonly count: number;
}

/** See the head of this file. */
export interface SequenceBatch {
  readonly tokens: number;
  readonly sequences: readonly BatchSequence[];
  readonly runs: readonly SequenceRun[];
  /** i32 [tokens]: the position of each. */
  positions(): GgmlNode;
  /** The leaf of this name, made at most once. */
  leaf(name: string, make: () => GgmlNode): GgmlNode;
}

const known = new WeakMap<Sequences, SequenceBatch>();

/** The batch of checked sequences, which must not change any more. */
export function sequenceBatch(sequences: Sequences): SequenceBatch {
  const found = known.get(sequences);
  if (found !== undefined) return found;
  const batch = batchOf(sequences);
  known.set(sequences, batch);
  return batch;
}

function batchOf({ cumulativeLengths, starts }: Sequences): SequenceBatch {
  const sequences: BatchSequence[] = [];
  starts.forEach((start, sequence) => {
    const from = cumulativeLengths[sequence] ?? 0;
    const length = (cumulativeLengths[sequence + 1] ?? 0) - from;
    if (length > 0) sequences.push({ sequence, from, length, start });
  });
  const tokens = cumulativeLengths.at(-1) ?? 0;
  const leaves = new Map<string, GgmlNode>();
  const leaf: SequenceBatch["leaf"] = (name, make) => {
    const node = leaves.get(name) ?? make();
    leaves.set(name, node);
    return node;
  };
  const positions = (): GgmlNode => {
    const values = new Int32Array(tokens);
    for (const { from, length, start } of sequences) for (let t = 0; t < length; t++) values[from + t] = start + t;
    return hostLeaf("i32", [tokens], values);
  };
  return { tokens, sequences, runs: runsOf(sequences), positions: () => leaf("positions", positions), leaf };
}

/** Neighbours that `join` puts together, by default those of equal lengths. */
export function runsOf(
  sequences: readonly BatchSequence[],
  join: (run: readonly BatchSequence[], next: BatchSequence) => boolean = () => true,
): readonly SequenceRun[] {
  const runs: BatchSequence[][] = [];
  for (const one of sequences) {
    const last = runs.at(-1);
    if (last !== undefined && last[0]?.length === one.length && join(last, one)) last.push(one);
    else runs.push([one]);
  }
  return runs.map((members) => ({
    members,
    from: members[0]?.from ?? 0,
    length: members[0]?.length ?? 0,
    count: members.length,
  }));
}
