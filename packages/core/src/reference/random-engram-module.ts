// Fresh weights for the paper's module, equal on every machine for equal sizes and seed: linear maps uniform within
// 1 / sqrt(inputs), PyTorch's default; norms 1; the convolution 0, as the paper starts it, so that a fresh module adds
// the gated value alone. Only additions, products and square roots are used, which every engine rounds alike.

import { EngramError } from "../errors.js";
import { uniformValues } from "../model/uniform-values.js";
import type { EngramBranch, EngramModule } from "./engram-module.js";
import { MAX_DILATION } from "./load-engram-module.js";

/** Sizes of a fresh module. */
export interface RandomEngramModuleOptions {
  /** Residual streams; the paper has 4. */
  readonly streams: number;
  /** Width of one stream. */
  readonly width: number;
  /** Values of one token's rows together. */
  readonly memoryWidth: number;
  /** Taps of the convolution, default 4. */
  readonly kernel?: number;
  /** The highest n-gram order. */
  readonly dilation: number;
  /** 0 to 2^32 - 1. */
  readonly seed: number;
}

/**
 * A fresh module of the paper's kind.
 * @throws EngramError `invalid-argument`, naming the field, where one is no whole number in its range.
 */
export function randomEngramModule(options: RandomEngramModuleOptions): EngramModule {
  const { streams, width, memoryWidth, kernel = 4, dilation, seed } = options;
  checkWhole("streams", streams, 1, 64);
  checkWhole("width", width, 1, MAX_SIDE);
  checkWhole("memoryWidth", memoryWidth, 1, MAX_SIDE);
  checkWhole("kernel", kernel, 1, 64);
  checkWhole("dilation", dilation, 1, MAX_DILATION);
  checkWhole("seed", seed, 0, 2 ** 32 - 1);

  let tensor = 0;
  const bound = 1 / Math.sqrt(memoryWidth);
  const uniform = (length: number) => uniformValues(length, bound, seed, tensor++);
  const ones = () => new Float32Array(width).fill(1);
  const valueWeight = uniform(width * memoryWidth);
  const valueBias = uniform(width);
  const branches = Array.from(
    { length: streams },
    (): EngramBranch => ({
      keyWeight: uniform(width * memoryWidth),
      keyBias: uniform(width),
      keyNorm: ones(),
      queryNorm: ones(),
      convolutionNorm: ones(),
    }),
  );
  const convolutionWeight = new Float32Array(streams * width * kernel);
  const shape = { streams, width, memoryWidth, kernel, dilation };
  return { kind: "engram", ...shape, valueWeight, valueBias, branches, convolutionWeight };
}

const MAX_SIDE = 65_536;

function checkWhole(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new EngramError({
    code: "invalid-argument",
    operation: "randomEngramModule",
    message: `${field} is ${String(value)}; use a whole number from ${least} to ${most}`,
    context: { field },
  });
}
