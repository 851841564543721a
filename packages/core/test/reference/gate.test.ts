// The gates at the points where the two kinds differ and where the clamp begins.
import { copiedSignGate, signedRootGate } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const least = 1 / (1 + Math.exp(-1e-3));

describe("the gate", () => {
  it("at 0: one half in the paper's module, a copied sign in V4.1's", () => {
    expect([0, -0].map(signedRootGate)).toEqual([0.5, 0.5]);
    expect([0, -0].map(copiedSignGate)).toEqual([least, 1 / (1 + Math.exp(1e-3))]);
  });

  it("does not fall below the clamp for the smallest scores", () => {
    for (const s of [Number.MIN_VALUE, 1e-12, 1e-6]) {
      expect(signedRootGate(s)).toBe(least);
      expect(copiedSignGate(s)).toBe(least);
    }
    expect(signedRootGate(1.1e-6)).toBeGreaterThan(least);
  });

  it("known values", () => {
    expect(signedRootGate(4)).toBeCloseTo(0.8807970779778823, 15);
    expect(signedRootGate(-4)).toBeCloseTo(0.11920292202211757, 15);
    expect([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(copiedSignGate)).toEqual([1, 0]);
    expect(signedRootGate(Number.NaN)).toBeNaN();
    expect(copiedSignGate(Number.NaN)).toBeNaN();
  });

  it("both kinds agree everywhere but at 0, and mirror at one half", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), (s) => {
        if (s === 0) return;
        expect(copiedSignGate(s)).toBe(signedRootGate(s));
        expect(signedRootGate(s) + signedRootGate(-s)).toBeCloseTo(1, 12);
      }),
    );
  });
});
