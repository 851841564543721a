// Rotary positions of a batch, as the nodes of attention want them: ggml divides a position by a pair's period, so that
// frequencies of any kind come as their inverses. ggml turns by angles in float32: far into a sequence its angles are off
// by 6e-8 of themselves, as everybody's are who computes in float32.

import type { Rotary } from "@engram-ts/core";
import type { RopeFacts } from "../nodes/attention.js";
import type { GgmlNode } from "../nodes/node.js";
import type { EngineContext } from "./operation.js";
import type { SequenceBatch } from "./sequence-batch.js";

const periods = new WeakMap<EngineContext, WeakMap<Rotary, GgmlNode>>();

/** What the rotation of a batch's tokens needs. */
export function rotaryPositions(engine: EngineContext, rotary: Rotary, batch: SequenceBatch): RopeFacts {
  const own = periods.get(engine) ?? new WeakMap<Rotary, GgmlNode>();
  periods.set(engine, own);
  const leaf = own.get(rotary) ?? engine.constant(Float32Array.from(rotary.frequencies, (frequency) => 1 / frequency));
  own.set(rotary, leaf);
  return { positions: batch.positions(), periods: leaf, amplitude: rotary.amplitude, pairs: rotary.pairs };
}
