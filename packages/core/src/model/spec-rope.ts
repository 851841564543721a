// Reads rotary position embeddings of an attention: `"rope": {"theta": 10000, "yarn": {"factor": 10, ...}}`.

import type { RopeSpec, YarnSpec } from "./model-spec.js";
import type { SpecFields } from "./spec-fields.js";
import { MODEL_LIMITS } from "./spec-limits.js";

/** The rope of an attention; theta 10,000 and the kind's own pairing where left out. */
export function parseRope(attention: SpecFields, pairing: RopeSpec["pairing"]): RopeSpec {
  const fields = attention.object("rope");
  if (fields === undefined) return { theta: 10_000, pairing };
  const rope = {
    theta: fields.real("theta", { least: 1, most: 1e12, fallback: 10_000 }, "the base of the frequencies"),
    pairing: fields.choice("pairing", ["interleaved", "halves"], pairing),
  };
  const yarn = fields.object("yarn");
  const read = yarn && parseYarn(yarn);
  fields.end();
  return read === undefined ? rope : { ...rope, yarn: read };
}

function parseYarn(fields: SpecFields): YarnSpec {
  const beta = { least: 1e-3, most: 1e6 };
  const scale = { least: 0, most: 100, fallback: 0 };
  const yarn = {
    factor: fields.real("factor", { least: 1, most: 1e6 }, "how many times longer the context becomes"),
    originalContextTokens: fields.whole(
      "originalContextTokens",
      { least: 1, most: MODEL_LIMITS.contextTokens },
      "the tokens of the context before the extension",
    ),
    betaFast: fields.real("betaFast", { ...beta, fallback: 32 }, "rotations above which a frequency stays"),
    betaSlow: fields.real("betaSlow", { ...beta, fallback: 1 }, "rotations below which a frequency is divided"),
    mscale: fields.real("mscale", scale, "the scale of cosine and sine, 0 for none"),
    mscaleAllDim: fields.real("mscaleAllDim", scale, "the scale of all values, 0 for none"),
  };
  if (yarn.betaFast <= yarn.betaSlow) {
    fields.refuse("betaFast", `betaSlow is ${yarn.betaSlow}; use a greater betaFast, as 32 and 1`);
  }
  fields.end();
  return yarn;
}
