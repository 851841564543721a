// The life of tensors on the reference: what is alive, what is disposed of, what belongs elsewhere; scopes and tapes over
// it; sums over streams, rows in all encodings.

import { describe, expect, it } from "vitest";
import { openScope } from "../../src/model/backend-scope.js";
import { openTape } from "../../src/model/tape.js";
import { referenceBackend } from "../../src/reference/reference-backend.js";
import { decodeRows } from "../../src/rows/decode.js";
import { deterministicRows } from "../../src/rows/deterministic-rows.js";
import type { RowEncoding } from "../../src/rows/encoding.js";
import { tableInfo } from "../../src/rows/table.js";
import { expectCode } from "../model/expect-code.js";

describe("the reference backend", () => {
  it("counts what is alive", () => {
    const backend = referenceBackend();
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
    const a = backend.upload(Float32Array.of(1, 2, 3, 4), [2, 2]);
    const { y } = backend.operations.add.forward({ a, b: a }, {});
    expect([...y.values]).toEqual([2, 4, 6, 8]);
    expect(backend.memory()).toEqual({ tensors: 2, bytes: 64 });
    backend.dispose([a, a]);
    backend.dispose([a]);
    expect(backend.memory()).toEqual({ tensors: 1, bytes: 32 });
  });

  it("copies what is uploaded, and what is downloaded", async () => {
    const backend = referenceBackend();
    const values = Float32Array.of(1, 2);
    const x = backend.upload(values, [2]);
    values[0] = 9;
    const down = await backend.download(x);
    down[1] = 9;
    expect([...(await backend.download(x))]).toEqual([1, 2]);
  });

  it("refuses tensors that are disposed of or of another backend, shapes that take other values, and work when closed", async () => {
    const backend = referenceBackend();
    const x = backend.upload(Float32Array.of(1), [1]);
    const foreign = referenceBackend().upload(Float32Array.of(1), [1]);
    const add = (a: typeof x) => () => backend.operations.add.forward({ a, b: x }, {});
    expectCode(add(foreign), "invalid-argument", /a is disposed of, or is of another backend/);
    const gone = backend.upload(Float32Array.of(1), [1]);
    backend.dispose([gone]);
    expectCode(add(gone), "invalid-argument", /add: a is disposed of/);
    await expectCode(backend.download(gone), "invalid-argument", /disposed of/);
    expectCode(() => backend.upload(Float32Array.of(1, 2), [3]), "invalid-argument", /2 values for the shape \[3\]/);
    expectCode(() => backend.copyCache(x), "invalid-argument", /use what createCache gave/);
    await backend.close();
    await backend.close();
    expectCode(add(x), "invalid-argument", /closed/);
    expectCode(() => backend.upload(Float32Array.of(1), [1]), "invalid-argument", /closed/);
  });

  it.each<RowEncoding>([
    { kind: "f32", width: 32 },
    { kind: "f16", width: 32 },
    { kind: "bf16", width: 32 },
    { kind: "int8", width: 32 },
    { kind: "fp8-e4m3-e8m0", width: 32 },
    { kind: "fp8-e4m3", width: 32, scale: 0.25 },
  ])("takes rows as they are stored: $kind", (encoding) => {
    const backend = referenceBackend();
    const table = tableInfo({ rows: 6, encoding });
    const encoded = deterministicRows(table, 3);
    const values = new Float32Array(6 * 32);
    decodeRows(encoding, encoded, values);
    const fromEncoded = backend.uploadRows({ encoded, encoding }, [2, 96]);
    expect(fromEncoded.shape).toEqual([2, 96]);
    expect(fromEncoded.values).toEqual(backend.uploadRows({ values }, [2, 96]).values);
    expectCode(() => backend.uploadRows({ values }, [2, 95]), "invalid-argument", /192 values for the shape \[2, 95\]/);
  });
});

describe("a scope", () => {
  it("frees what its calls gave, but for what was taken out; scopes do not touch each other", () => {
    const backend = referenceBackend();
    const a = backend.upload(Float32Array.of(1), [1]);
    const [one, other] = [openScope(backend), openScope(backend)];
    const first = one.calls.add({ a, b: a }, {}).y;
    const kept = one.release(one.calls.add({ a: first, b: a }, {}).y);
    const elsewhere = other.calls.add({ a, b: first }, {}).y;
    other.own(a);
    one.close();
    one.close();
    expect(backend.memory().tensors).toBe(3); // a, kept, elsewhere
    expect([kept.values[0], elsewhere.values[0]]).toEqual([3, 3]);
    other.close();
    expect(backend.memory().tensors).toBe(1);
  });
});

describe("a tape", () => {
  const backend = referenceBackend();
  const up = (...values: number[]) => backend.upload(Float64Array.from(values), [1, values.length]);

  it("sums the gradients of what is used twice, and leaves out what leads to no leaf", () => {
    const [a, b] = [up(1, 2), up(3, 4)];
    const before = backend.memory().tensors;
    const tape = openTape(backend);
    tape.watch([a]);
    const twice = tape.calls.add({ a, b: a }, {}).y;
    const more = tape.calls.add({ a: twice, b }, {}).y;
    tape.calls.add({ a: b, b }, {}); // no leaf, and no part of the loss
    tape.calls.add({ a, b }, {}); // no part of the loss
    const { loss } = tape.calls.crossEntropy({ logits: more }, { targets: Int32Array.of(0) });
    const gradients = tape.backward(loss);
    const p = 1 / (1 + Math.exp(8 - 5)); // softmax of [5, 8]
    const [x = 0, y = 0] = gradients.of(a)?.values ?? [];
    expect(x).toBeCloseTo(2 * (p - 1), 12);
    expect(y).toBeCloseTo(2 * (1 - p), 12);
    expect(gradients.of(b)).toBeUndefined();
    expect(gradients.of(more)).toBeUndefined();
    tape.close();
    tape.close();
    expect(backend.memory().tensors).toBe(before + 1); // a's gradient
    gradients.dispose();
    expect(backend.memory().tensors).toBe(before);
  });

  it("gives a watched tensor that is computed from another its gradient, too", () => {
    const a = up(1, 2);
    const tape = openTape(backend);
    tape.watch([a]);
    const y = tape.calls.add({ a, b: up(0, 0) }, {}).y;
    tape.watch([y]);
    const { loss } = tape.calls.crossEntropy({ logits: y }, { targets: Int32Array.of(1) });
    const gradients = tape.backward(loss);
    expect(gradients.of(y)?.values).toEqual(gradients.of(a)?.values);
    tape.close();
    gradients.dispose();
  });

  it("refuses to go back through caches", () => {
    const tape = openTape(backend);
    const x = up(1, 2);
    const weight = backend.upload(Float64Array.of(1, 1, 1, 1), [2, 2]);
    tape.watch([x]);
    const norm = backend.upload(Float64Array.of(1, 1), [2]);
    const { y } = tape.calls.shortConvolution(
      { x, norm, weight },
      {
        streams: 1,
        epsilon: 1e-5,
        weightOffset: 0,
        dilation: 1,
        sequences: { cumulativeLengths: Uint32Array.of(0, 1), starts: Uint32Array.of(0) },
        caches: [backend.createCache({ width: 2, capacity: 4, window: 1 })],
      },
    );
    const { loss } = tape.calls.crossEntropy({ logits: y }, { targets: Int32Array.of(0) });
    expectCode(() => tape.backward(loss), "unsupported", /not through caches/);
  });
});
