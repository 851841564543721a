// The engine as its users open it: limits of memory, the event loop and uploads beside a running graph, caches used again,
// and the end while a graph runs.

import { isEngramError } from "@engram-ts/core";
import { expect, it } from "vitest";
import { type GgmlBackend, type GgmlTensor, openGgml } from "../../src/ggml/index.js";

const open = (options: object = {}) => openGgml({ device: "CPU", threads: 1, ...options });
const codeOf = (error: unknown): string =>
  isEngramError(error) ? `${error.code}: ${error.message.replace(/^\w+: /, "")}` : String(error);
const refusalOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    return codeOf(error);
  }
  return "nothing was thrown";
};

/** Products of some hundred milliseconds. */
function longWork(backend: GgmlBackend, products = 8): GgmlTensor {
  const side = 1024;
  const weight = backend.upload(new Float32Array(side * side), [side, side], "matrix");
  let x = backend.upload(new Float32Array(side * side), [side, side]);
  for (let i = 0; i < products; i++) x = backend.operations.linear.forward({ x, weight }, {}).y;
  return x;
}

/** Lets other tasks of the event loop run until something holds. */
async function until(holds: () => boolean): Promise<number> {
  let turns = 0;
  for (; !holds(); turns++) await new Promise((resolve) => setTimeout(resolve, 1));
  return turns;
}

it.each([
  [{ threads: 0 }, /threads is 0/],
  [{ threads: 1.5 }, /threads is 1.5/],
  [{ weights: "q3" }, /weights is q3; use one of f32/],
  [{ cache: "q8_0" }, /cache is q8_0/],
  [{ precision: "half" }, /precision is half/],
  [{ memoryBytes: 0 }, /memoryBytes is 0/],
  [{ memoryBytes: 1e300 }, /memoryBytes is 1e\+300/],
])("refuses the options %o", async (options, message) => {
  const found = await refusalOf(() => open(options));
  expect(found).toMatch(/^invalid-argument/);
  expect(found).toMatch(message);
});

it("takes its limit of memory from the environment, too, and says where it is from", async () => {
  const { env } = process;
  const { ENGRAM_GGML_MEMORY_BYTES: before } = env;
  try {
    env.ENGRAM_GGML_MEMORY_BYTES = "16e"; // no number
    expect(await refusalOf(open)).toMatch(/^invalid-argument: ENGRAM_GGML_MEMORY_BYTES is 16e/);
    env.ENGRAM_GGML_MEMORY_BYTES = String(32 * 2 ** 20);
    const backend = await open();
    const found = await refusalOf(() => backend.upload(new Float32Array(2 ** 24), [2 ** 24], "parameter"));
    expect(found).toMatch(/^out-of-memory: .* of 33554432 bytes left/);
    await backend.close();
  } finally {
    if (before === undefined) delete env.ENGRAM_GGML_MEMORY_BYTES;
    else env.ENGRAM_GGML_MEMORY_BYTES = before;
  }
});

it("refuses what is past its memory before it takes any, and goes on", async () => {
  const backend = await open({ memoryBytes: 64 * 2 ** 20 });
  const matrix = new Float32Array(5000 * 4000);
  expect(await refusalOf(() => backend.upload(matrix, [5000, 4000], "matrix"))).toMatch(
    /^out-of-memory: a tensor of shape/,
  );
  expect(await refusalOf(() => backend.createCache({ width: 4096, capacity: 8192 }))).toMatch(
    /^out-of-memory: a cache of/,
  );
  const x = backend.upload(new Float32Array(6000).fill(1), [6000, 1]);
  const weight = backend.upload(new Float32Array(6000).fill(2), [6000, 1], "matrix");
  const { y } = backend.operations.linear.forward({ x, weight }, {});
  expect(await refusalOf(() => backend.download(y))).toMatch(/^out-of-memory: a graph of .* run fewer tokens at once/);
  expect(backend.figures().graphBytes).toBe(0);
  const { y: sum } = backend.operations.add.forward({ a: x, b: x }, {});
  expect((await backend.download(sum)).every((value) => value === 2)).toBe(true);
  await backend.close();
});

it("refuses a cache past the memory of the machine", async () => {
  const backend = await open();
  const found = await refusalOf(() => backend.createCache({ width: 2 ** 24, capacity: 2 ** 24 }));
  expect(found).toMatch(/^out-of-memory/);
  expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  await backend.close();
});

it("leaves the event loop free while a graph runs, and starts one without being waited for", async () => {
  const backend = await open();
  longWork(backend, 24);
  const { runs } = backend.figures();
  backend.submit();
  const rows = backend.uploadRows({ values: new Float32Array(64).fill(3) }, [8, 8]);
  const { y } = backend.operations.add.forward({ a: rows, b: rows }, {});
  backend.submit(); // queued behind the first
  expect(backend.figures().runs, "neither has ended").toBe(runs);
  const turns = await until(() => backend.figures().runs === runs + 2); // and nothing was downloaded
  expect(turns, "timers that fired meanwhile").toBeGreaterThan(3);
  expect((await backend.download(y)).every((value) => value === 6)).toBe(true);
  await backend.close();
});

it("ends a wait whose signal is aborted; the graph runs to its end, and its values can be had", async () => {
  const backend = await open();
  const y = longWork(backend);
  const controller = new AbortController();
  const waiting = refusalOf(() => backend.download(y, { signal: controller.signal }));
  const { runs } = backend.figures();
  controller.abort(new Error("enough"));
  expect(await waiting).toMatch(/^aborted/);
  expect(backend.figures().runs, "the wait ended first").toBe(runs);
  expect(await backend.download(y)).toHaveLength(1024 * 1024);
  await backend.close();
});

it("clears a cache's memory for the next sequence, whatever the one before left there", async () => {
  const backend = await open();
  const [d, heads, headWidth] = [8, 1, 8];
  const identity = Float32Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? 1 : 0));
  const weight = backend.upload(identity, [d, d], "matrix");
  const rotary = { frequencies: new Float64Array(0), amplitude: 1, pairs: "halves" as const };
  const attend = async (values: readonly number[]): Promise<readonly number[]> => {
    const cache = backend.createCache({ width: 2 * heads * headWidth, capacity: 32 });
    const tokens = values.length;
    const x = backend.upload(
      Float32Array.from({ length: tokens * d }, (_, i) => values[Math.floor(i / d)] ?? 0),
      [tokens, d],
    );
    const sequences = { cumulativeLengths: Uint32Array.of(0, tokens), starts: Uint32Array.of(0) };
    const sizes = { heads, keyValueHeads: 1, headWidth, rotary, scale: 0.5, epsilon: 1e-6 };
    const { y } = backend.operations.gqa.forward(
      { x, query: weight, key: weight, value: weight, output: weight },
      { ...sizes, sequences, caches: [cache] },
    );
    const found = [...(await backend.download(y))];
    backend.dispose([x, y, cache]);
    return found;
  };
  const expected = await attend([1]);
  expect(expected.every((value) => value === 1)).toBe(true);
  await attend([Number.NaN, Number.NaN, Number.POSITIVE_INFINITY]);
  expect(await attend([1])).toEqual(expected);
  await backend.close();
});

it("closes while a graph runs: what was asked for is given, and closing twice waits for the same end", async () => {
  const backend = await open();
  const waiting = backend.download(longWork(backend));
  const ends = [backend.close(), backend.close()];
  expect(await refusalOf(() => backend.submit())).toMatch(/^invalid-argument: the backend is closed/);
  expect(await waiting).toHaveLength(1024 * 1024);
  await Promise.all(ends);
  const next = await open();
  expect(await next.download(next.upload(Float32Array.of(1, 2), [2]))).toEqual(Float32Array.of(1, 2));
  await next.close();
});
