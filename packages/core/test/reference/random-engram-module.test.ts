// Fresh weights: the same everywhere for one seed, spread as they should be, and checked sizes.
import {
  engramModuleTensors,
  isEngramError,
  type RandomEngramModuleOptions,
  randomEngramModule,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { sha256 } from "../rows/fixture.js";

const sizes = { streams: 4, width: 32, memoryWidth: 64, dilation: 3, seed: 5 };

function digest(options: RandomEngramModuleOptions): string {
  const tensors = [...engramModuleTensors(randomEngramModule(options))];
  return sha256(
    Buffer.concat(tensors.map(([, { data }]) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))),
  );
}

describe("a fresh module", () => {
  it("is the same on every machine", () => {
    expect(digest(sizes)).toBe("bb2326d849dcaba103a3419a4fbc11619d89267bd0b42bdbb4d426895feb300d");
  });

  it("is another one for another seed, and no two of its tensors are alike", () => {
    expect(digest({ ...sizes, seed: 6 })).not.toBe(digest(sizes));
    const module = randomEngramModule(sizes);
    const first = [module.valueWeight, ...module.branches.map((branch) => branch.keyWeight)].map((w) => w[0]);
    expect(new Set(first).size).toBe(5);
  });

  it("starts as the paper's: linear maps uniform within 1/sqrt(inputs), norms 1, convolution 0", () => {
    const { valueWeight, branches, convolutionWeight, kernel } = randomEngramModule(sizes);
    expect(kernel).toBe(4);
    const values = [...valueWeight, ...branches.flatMap((branch) => [...branch.keyWeight])];
    const bound = 1 / 8;
    expect(values.every((value) => value >= -bound && value < bound)).toBe(true);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.004); // 6 standard errors of 10,240 values
    expect(Math.abs(square / (bound ** 2 / 3) - 1)).toBeLessThan(0.06);
    expect(branches.every((branch) => branch.keyNorm.every((scale) => scale === 1))).toBe(true);
    expect(convolutionWeight.length).toBe(4 * 32 * 4);
    expect(convolutionWeight.every((tap) => tap === 0)).toBe(true);
  });

  it.each([
    ["streams", 0],
    ["streams", 65],
    ["width", 0],
    ["width", 65_537],
    ["memoryWidth", 1.5],
    ["kernel", 0],
    ["dilation", 0],
    ["dilation", 1025],
    ["seed", -1],
    ["seed", 2 ** 32],
    ["seed", Number.NaN],
  ])("refuses %s %s", (field, value) => {
    try {
      randomEngramModule({ ...sizes, [field]: value });
      expect.fail("it was taken");
    } catch (error) {
      expect(isEngramError(error, "invalid-argument")).toBe(true);
      expect(String(error)).toContain(`${field} is ${value}`);
    }
  });
});
