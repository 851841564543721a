// Runs, one after the other, of graphs that are found again: which are, what becomes of results when their memory is used
// anew, and what calls that are queued still read. Values are whole numbers, exact in float32.

import { type GgmlBackend, type GgmlTensor, openGgml } from "@engram-ts/backend-gpu/ggml";
import { isEngramError } from "@engram-ts/core";
import { afterEach, beforeEach, expect, it } from "vitest";

let backend: GgmlBackend;
beforeEach(async () => {
  backend = await openGgml({ device: "CPU", threads: 1 });
});
afterEach(() => backend.close());

const row = (value: number, width = 8): Float32Array => new Float32Array(width).fill(value);
const leaf = (value: number, width = 8): GgmlTensor => backend.upload(row(value, width), [1, width]);
const sum = (a: GgmlTensor, b: GgmlTensor): GgmlTensor => backend.operations.add.forward({ a, b }, {}).y;
const soleValue = async (tensor: GgmlTensor): Promise<number> => {
  const values = await backend.download(tensor);
  expect(new Set(values).size, "all values are alike").toBe(1);
  return values[0] ?? Number.NaN;
};

/** Keeps the device busy for some tens of milliseconds: what is asked for next is queued. */
function busy(): Promise<Float32Array> {
  const side = 512;
  const weight = backend.upload(new Float32Array(side * side), [side, side], "matrix");
  let x = backend.upload(new Float32Array(side * side), [side, side]);
  for (let i = 0; i < 6; i++) x = backend.operations.linear.forward({ x, weight }, {}).y;
  return backend.download(x);
}

it("finds the graph of equal shapes again, and builds another where a leaf lies elsewhere", async () => {
  const weight = backend.upload(row(1, 64), [8, 8], "matrix");
  const other = backend.upload(row(2, 64), [8, 8], "matrix");
  const step = async (value: number, by: GgmlTensor): Promise<number> => {
    const { y } = backend.operations.linear.forward({ x: leaf(value), weight: by }, {});
    const found = await soleValue(y);
    backend.dispose([y]);
    return found;
  };
  expect(await step(1, weight)).toBe(8);
  const { built } = backend.figures();
  expect(await step(2, weight)).toBe(16);
  expect(await step(3, weight)).toBe(24);
  expect(backend.figures().built).toBe(built);
  expect(await step(3, other)).toBe(48);
  expect(backend.figures().built).toBe(built + 1);
  expect(backend.figures().runs).toBe(4);
});

it("has an upload that is used again on the device for good", async () => {
  const x = leaf(5);
  expect(await soleValue(sum(x, leaf(1)))).toBe(6);
  const { tensorBytes } = backend.figures();
  expect(await soleValue(sum(x, leaf(2)))).toBe(7);
  const { built } = backend.figures();
  expect(await soleValue(sum(x, leaf(3)))).toBe(8);
  expect(backend.figures().built, "its place is the same from the second use on").toBe(built);
  expect(tensorBytes).toBeLessThanOrEqual(backend.figures().tensorBytes);
  expect(await soleValue(x)).toBe(5);
});

it("keeps results that handles show when their graph runs again", async () => {
  const results: GgmlTensor[] = [];
  for (let i = 0; i < 5; i++) {
    const y = sum(leaf(i), leaf(10));
    results.push(y);
    expect(await soleValue(y)).toBe(i + 10);
  }
  for (const [i, y] of results.entries()) expect(await soleValue(y)).toBe(i + 10);
});

it("keeps a result that was disposed of while a queued call reads it and its graph runs again", async () => {
  const first = sum(leaf(1), leaf(2));
  expect(await soleValue(first)).toBe(3);
  const running = busy();
  const again = sum(leaf(30), leaf(40)); // the graph of `first`
  backend.submit();
  const reads = sum(first, first);
  backend.dispose([first]);
  const found = soleValue(reads);
  expect([await found, await soleValue(again)]).toEqual([6, 70]);
  await running;
});

it("keeps it, too, where the call that reads it was not asked for yet", async () => {
  const first = sum(leaf(1), leaf(2));
  expect(await soleValue(first)).toBe(3);
  const running = busy();
  const again = sum(leaf(30), leaf(40));
  backend.submit();
  const reads = sum(first, first);
  backend.dispose([first]);
  await running;
  expect(await soleValue(again)).toBe(70);
  expect(await soleValue(reads)).toBe(6);
  const { tensorBytes } = backend.figures();
  for (let i = 0; i < 20; i++) {
    const y = sum(leaf(i), leaf(1));
    expect(await soleValue(y)).toBe(i + 1);
    backend.dispose([y]);
  }
  expect(backend.figures().tensorBytes).toBe(tensorBytes);
});

it("keeps a result whose graph makes room for the one that reads it", async () => {
  const kept = sum(leaf(1), leaf(2));
  expect(await soleValue(kept)).toBe(3);
  const read = sum(leaf(4), leaf(5));
  backend.submit();
  for (let width = 9; width < 9 + 61; width++) {
    const y = sum(leaf(1, width), leaf(width, width));
    expect(await soleValue(y)).toBe(1 + width);
    backend.dispose([y]);
  }
  for (let i = 0; i < 6; i++) {
    let y = sum(kept, read);
    for (let j = 0; j < i; j++) y = sum(y, kept);
    expect(await soleValue(y)).toBe(12 + 3 * i);
  }
  expect([await soleValue(kept), await soleValue(read)]).toEqual([3, 9]);
});

it("writes where one handle shows a value, and leaves others' values alone", async () => {
  const x = backend.upload(row(4), [1, 8], "parameter");
  const { y } = backend.operations.collapseStreams.forward({ x }, { streams: 1, take: "first" });
  backend.updates.write(x, row(9));
  const { y: z } = backend.operations.collapseStreams.forward({ x }, { streams: 1, take: "first" });
  backend.updates.accumulate(x, leaf(1));
  expect([await soleValue(y), await soleValue(z), await soleValue(x)]).toEqual([4, 9, 10]);
});

it("has only what depends on a failure fail", async () => {
  const small = await openGgml({ device: "CPU", threads: 1, memoryBytes: 96 * 2 ** 20 });
  const { add, linear } = small.operations;
  const x = small.upload(row(3), [1, 8]);
  const column = small.upload(new Float32Array(6000), [6000, 1]);
  const wide = small.upload(new Float32Array(6000), [6000, 1], "matrix");
  const { y: large } = linear.forward({ x: column, weight: wide }, {}); // 144 MB
  const isFull = (error: unknown): boolean => isEngramError(error, "out-of-memory");
  expect(await small.download(large).catch(isFull)).toBe(true);
  const { y: more } = add.forward({ a: large, b: large }, {});
  const { y: apart } = add.forward({ a: x, b: x }, {});
  const [failed, fine] = await Promise.allSettled([small.download(more), small.download(apart)]);
  expect(failed.status === "rejected" && isFull(failed.reason)).toBe(true);
  expect(fine).toMatchObject({ status: "fulfilled", value: row(6) });
  expect(await small.download(large).catch(isFull), "asked for again").toBe(true);
  small.dispose([large, more]);
  const { y } = add.forward({ a: apart, b: x }, {});
  expect(await small.download(y)).toEqual(row(9));
  await small.close();
});
