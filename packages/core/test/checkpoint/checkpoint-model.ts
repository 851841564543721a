// A small model with something of every kind that is stored in its own way, and its weights as numpy wrote them.

import {
  type ModelSpec,
  modelParameters,
  type NamedTensor,
  parseModelSpec,
  readSafetensors,
  tensorFloat32,
} from "../../src/index.js";
import { fixture } from "../rows/fixture.js";

export const SPEC: ModelSpec = parseModelSpec({
  name: "small",
  vocabSize: 11,
  width: 6,
  contextTokens: 16,
  streams: { kind: "mhc", count: 2 },
  attention: { kind: "gqa", heads: 2, kvHeads: 1, headDim: 4 },
  feedForward: { kind: "moe", routedExperts: 3, sharedExperts: 1, expertWidth: 5, topK: 1 },
  blocks: [{}],
});

/** Of tools/oracles/checkpoint-weights.py. */
export const DIGESTS = {
  f32: "f7b9ffab19c3be29a10536ca56917aa4edc708ed2c083045a9543757d7ea2111",
  bf16: "ecceb5c9d9e5d263622d74258c9490d2461fa68e68db836adaf0b1a33fb1455f",
  int8: "06afebb60213d1c0ada3160ae77321fc324b7e34d760fd99c71a5b1719985247",
} as const;

/** A shard as the oracle wrote it. */
export function oracleShard(encoding: keyof typeof DIGESTS): Uint8Array {
  return new Uint8Array(fixture(`checkpoint-${encoding}.safetensors`, DIGESTS[encoding]));
}

/** The float32 weights. */
export function weights(): Map<string, NamedTensor> {
  const file = readSafetensors(oracleShard("f32"));
  return new Map(
    modelParameters(SPEC).map(({ name, shape }) => [name, { shape, values: tensorFloat32(file, name).slice() }]),
  );
}
