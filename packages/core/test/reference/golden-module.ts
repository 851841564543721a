// A fixture of tools/oracles/module.py: a module's weights with inputs and the outputs that an independent float64
// implementation gives, stored as float32.
import { readSafetensors, type Safetensors, tensorFloat32 } from "@engram-ts/core";
import { expect } from "vitest";
import { fixture } from "../rows/fixture.js";

/** Tensors of a fixture that are no weights. */
export const INPUTS_AND_OUTPUTS = ["hidden", "embeddings", "output", "gates", "dead"];

const DIGESTS = {
  "module-engram": "bd7550be209430847c7b93b474bda3abfe4660c5d490b9dace2877879c069e05",
  "module-v41": "9ee50ae8f68216994447c4b99c134d2f8e78956fef1a3e151166ef936f660209",
  "module-engram-torch": "13cbdf00dd6cb5185991283d1dca59fbb65ba95795ea7988fc7e838f832f4176",
  "module-v41-torch": "34e162e7c1dad7f82afc2658b8a42d008dbac57fa288f9bc4b0ce64093cda372",
  "module-v41-fp8": "3435a0bf96ce0aece1b10fa0e24d285066ae365b1df578f137393f792d8b0d5b",
};

export interface GoldenModule {
  readonly file: Safetensors;
  readonly hidden: Float32Array;
  readonly memory: Float32Array;
  readonly output: Float32Array;
  /** Only the PyTorch set has them. */
  readonly gates?: Float32Array;
  readonly dead?: Uint8Array;
}

export function goldenModule(name: keyof typeof DIGESTS): GoldenModule {
  const file = readSafetensors(fixture(`${name}.safetensors`, DIGESTS[name]));
  const has = (tensor: string) => file.header.tensors.has(tensor);
  return {
    file,
    hidden: tensorFloat32(file, "hidden"),
    memory: tensorFloat32(file, "embeddings"),
    output: tensorFloat32(file, "output"),
    ...(has("gates") ? { gates: tensorFloat32(file, "gates") } : {}),
    ...(has("dead") ? { dead: deadOf(file) } : {}),
  };
}

function deadOf(file: Safetensors): Uint8Array {
  const { begin, end } = file.header.tensors.get("dead") ?? { begin: 0, end: 0 };
  return file.bytes.subarray(begin, end);
}

/**
 * Every value within a millionth of the expected one, a tenth of the tolerance that engines get; where a value is tiny
 * because of cancellation, within 1e-9 of the greatest.
 */
export function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  let greatest = 0;
  for (let i = 0; i < expected.length; i++) greatest = Math.max(greatest, Math.abs(expected[i] ?? 0));
  for (let i = 0; i < expected.length; i++) {
    const [a = Number.NaN, b = Number.NaN] = [found[i], expected[i]];
    const difference = Math.abs(a - b);
    if (!(difference <= Math.max(1e-6 * Math.abs(b), 1e-9 * greatest))) {
      expect.fail(`value ${i} is ${a}, expected ${b} (difference ${difference})`);
    }
  }
}
