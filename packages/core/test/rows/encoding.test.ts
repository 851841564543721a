// Sizes of rows, and encodings that are none.
import {
  checkRowEncoding,
  encodedRowBytes,
  isEngramError,
  rowScaleBytes,
  rowValueBytes,
  tableInfo,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";

describe("row sizes", () => {
  it.each([
    [{ kind: "f32", width: 3 }, 12, 0],
    [{ kind: "f16", width: 64 }, 128, 0],
    [{ kind: "bf16", width: 1 }, 2, 0],
    [{ kind: "int8", width: 160 }, 160, 4],
    [{ kind: "fp8-e4m3-e8m0", width: 256 }, 256, 8],
    [{ kind: "fp8-e4m3", width: 160, scale: 0.0002 }, 160, 0],
  ] as const)("%j", (encoding, valueBytes, scaleBytes) => {
    expect([rowValueBytes(encoding), rowScaleBytes(encoding)]).toEqual([valueBytes, scaleBytes]);
    expect(encodedRowBytes(encoding)).toBe(valueBytes + scaleBytes);
    expect(tableInfo({ rows: 5, encoding }).rowBytes).toBe(valueBytes + scaleBytes);
  });
});

describe("checkRowEncoding", () => {
  it.each([
    [null, "object"],
    ["f32", "object"],
    [{}, "encoding.kind is missing"],
    [{ kind: "f64", width: 1 }, 'encoding.kind is "f64"'],
    [{ kind: { toString: null }, width: 1 }, "encoding.kind is of type object"],
    [{ kind: "f32" }, "encoding.width is missing"],
    [{ kind: "f32", width: 0 }, "encoding.width is 0"],
    [{ kind: "f32", width: 65_537 }, "encoding.width is 65537"],
    [{ kind: "f32", width: 1.5 }, "encoding.width is 1.5"],
    [{ kind: "fp8-e4m3-e8m0", width: 33 }, "multiple of 32"],
    [{ kind: "fp8-e4m3", width: 1 }, "encoding.scale is missing"],
    [{ kind: "fp8-e4m3", width: 1, scale: 0 }, "encoding.scale is 0"],
    [{ kind: "fp8-e4m3", width: 1, scale: 1e-60 }, "finite float32 above 0"],
    [{ kind: "fp8-e4m3", width: 1, scale: 1e60 }, "finite float32 above 0"],
  ])("refuses %j", (encoding, part) => {
    let caught: unknown;
    try {
      checkRowEncoding(encoding, "test");
    } catch (error) {
      caught = error;
    }
    expect(isEngramError(caught, "invalid-argument") && caught.message).toContain(part);
  });
});
