// What stores refuse before they read: each check at its limits, with the code and the context that a program needs.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkPrefetchOptions,
  checkRowIdBatch,
  checkRowIds,
  EngramError,
  type PrefetchOptions,
  rowOutOfRange,
  type TableInfo,
  tableInfo,
} from "../../src/index.js";

const table: TableInfo = tableInfo({ rows: 10, encoding: { kind: "f32", width: 1 } });
const check = (ids: Uint32Array, maxBatch = 4) => checkRowIds(ids, table, maxBatch, "store.prefetch");

function refusal(call: () => void): Pick<EngramError, "code" | "context" | "operation" | "message"> {
  try {
    call();
  } catch (error) {
    if (error instanceof EngramError) return error;
    throw error;
  }
  throw new Error("expected an EngramError, and nothing was thrown");
}

describe("checkRowIds", () => {
  it("takes 0, 1 and maxBatch ids up to the last row", () => {
    check(Uint32Array.of());
    check(Uint32Array.of(9));
    check(Uint32Array.of(0, 9, 9, 0));
    checkRowIds(Uint32Array.of(0xffff_fffe), { ...table, rows: 0xffff_ffff }, 1, "store.prefetch");
  });

  it("refuses one more than maxBatch", () => {
    const error = refusal(() => check(new Uint32Array(5)));
    expect(error).toMatchObject({ code: "batch-too-large", context: { length: 5, maxBatch: 4 } });
    expect(error.operation).toBe("store.prefetch");
  });

  it("names the first row out of range and its place", () => {
    const ids = fc.array(fc.nat(9), { maxLength: 6 });
    const wrong = fc.constantFrom(10, 11, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff);
    fc.assert(
      fc.property(ids, wrong, ids, wrong, (before, row, between, later) => {
        const all = Uint32Array.from([...before, row, ...between, later]);
        const context = { row, index: before.length, rows: 10 };
        expect(refusal(() => check(all, 100))).toMatchObject({ code: "row-out-of-range", context });
        expect(rowOutOfRange(all, 10, "store.prefetch").context).toEqual(context);
      }),
    );
  });

  it.each([[[1, 2]], [Int32Array.of(1)], [undefined], [null], ["1"], [{ length: 1 }]])("refuses %o as ids", (ids) => {
    const untyped = ids as Uint32Array; // what a caller without types may pass
    expect(refusal(() => check(untyped)).code).toBe("invalid-argument");
    expect(refusal(() => checkRowIdBatch(untyped, 4, "store.prefetch")).code).toBe("invalid-argument");
  });

  it("checkRowIdBatch looks at no id", () => {
    checkRowIdBatch(Uint32Array.of(0xffff_ffff), 1, "store.prefetch");
    expect(refusal(() => checkRowIdBatch(new Uint32Array(2), 1, "store.prefetch")).code).toBe("batch-too-large");
  });
});

describe("checkPrefetchOptions", () => {
  const { signal } = new AbortController();

  it.each<[PrefetchOptions | undefined]>([
    [undefined],
    [{}],
    [{ signal }],
    [{ priority: -2.5 }],
    [{ deadlineMs: 0 }],
    [{ deadlineMs: 2 ** 31 - 1, onMiss: "wait" }],
    [{ deadlineMs: 0.5, onMiss: "zero" }],
    [{ onMiss: "wait" }],
  ])("takes %o", (options) => {
    checkPrefetchOptions(options, "store.prefetch");
  });

  it.each([
    [{ signal: {} }, /signal/],
    [{ deadlineMs: -1 }, /deadlineMs is -1/],
    [{ deadlineMs: Number.NaN }, /deadlineMs is NaN/],
    [{ deadlineMs: 2 ** 31 }, /deadlineMs is 2147483648/],
    [{ deadlineMs: "5" }, /deadlineMs is 5/],
    [{ priority: Number.POSITIVE_INFINITY }, /priority is Infinity/],
    [{ priority: "high" }, /priority is high/],
    [{ onMiss: "skip" }, /onMiss is "skip"/],
    [{ onMiss: "zero" }, /needs options.deadlineMs/],
  ])("refuses %o", (options, message) => {
    const error = refusal(() => checkPrefetchOptions(options as PrefetchOptions, "store.prefetch")); // wrong on purpose
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toMatch(message);
  });
});
