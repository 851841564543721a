// The frequencies of rotary positions (arXiv 2104.09864) and their extension to longer contexts by YaRN (arXiv
// 2309.00071), as Hugging Face computes them for deepseek_v3. Not here: the rotation, which each engine does itself.

import type { Rotary } from "./backend-operations.js";
import type { RopeSpec, YarnSpec } from "./model-spec.js";

/** Frequencies of `width` rotated values, `width / 2` of them, and the factor on the rotated values. */
export function rotaryOf(rope: RopeSpec, width: number): Rotary {
  const { theta, yarn, pairing } = rope;
  const plain = Float64Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width));
  if (yarn === undefined) return { frequencies: plain, amplitude: 1, pairs: pairing };
  const { mscale, mscaleAllDim } = yarn;
  const amplitude =
    mscale > 0 && mscaleAllDim > 0
      ? attentionFactor(yarn, mscale) / attentionFactor(yarn, mscaleAllDim)
      : attentionFactor(yarn, 1);
  return { frequencies: stretched(plain, theta, width, yarn), amplitude, pairs: pairing };
}

/** Factor of YaRN on the scores of latent attention: m(mscaleAllDim) squared, 1 without. */
export function yarnScoreFactor({ yarn }: RopeSpec): number {
  return yarn === undefined || yarn.mscaleAllDim === 0 ? 1 : attentionFactor(yarn, yarn.mscaleAllDim) ** 2;
}

/** m(scale) = 0.1 scale ln(factor) + 1; 1 where the context is not extended. */
function attentionFactor({ factor }: YarnSpec, scale: number): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
}

/** Fast pairs keep their frequency, slow ones are divided by the factor, those between are blended. */
function stretched(plain: Float64Array, theta: number, width: number, yarn: YarnSpec): Float64Array {
  const { factor, originalContextTokens, betaFast, betaSlow } = yarn;
  const pairOf = (rotations: number) =>
    (width * Math.log(originalContextTokens / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const low = Math.max(0, Math.floor(pairOf(betaFast)));
  const high = Math.min(width - 1, Math.ceil(pairOf(betaSlow)));
  const span = high === low ? 0.001 : high - low;
  return plain.map((frequency, i) => {
    const slow = Math.min(1, Math.max(0, (i - low) / span));
    return (frequency / factor) * slow + frequency * (1 - slow);
  });
}
