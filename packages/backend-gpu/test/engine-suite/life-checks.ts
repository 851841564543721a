// The life of an engine: what is counted, disposing of what is queued and of what is gone, downloads side by side and
// aborted, two engines at once, and the end.

import { isEngramError } from "@engram-ts/core";
import { expect } from "vitest";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { type EngineCheck, expectRefusal } from "./engine-check.js";
import type { Twin, Twins } from "./twins.js";

function matrices(twins: Twins): { x: Twin; weight: Twin } {
  const x = twins.upload(uniformValues(6 * 16, 1, 1, 0), [6, 16]);
  return { x, weight: twins.upload(uniformValues(16 * 16, 0.4, 1, 1), [16, 16], "matrix") };
}

const counted: EngineCheck = {
  group: "life",
  name: "memory counts what is alive, and nothing after disposal, once or twice",
  async run({ twins }) {
    const { engine } = twins;
    const before = engine.memory();
    const a = engine.upload(uniformValues(64, 1, 1, 0), [8, 8]);
    const one = engine.memory();
    expect(one.tensors).toBe(before.tensors + 1);
    expect(one.bytes).toBeGreaterThan(before.bytes);
    const { y } = engine.operations.add.forward({ a, b: a }, {});
    expect(engine.memory().tensors).toBeGreaterThan(one.tensors);
    const saved = engine.memory().tensors - one.tensors - 1;
    expect(saved, "add keeps nothing for its backward twin").toBe(0);
    await engine.download(y);
    expect(engine.memory().tensors).toBe(before.tensors + 2);
    engine.dispose([y, y]);
    engine.dispose([y]);
    engine.dispose([]);
    expect(engine.memory().tensors).toBe(before.tensors + 1);
    engine.dispose([a]);
    expect(engine.memory()).toEqual(before);
  },
};

const queued: EngineCheck = {
  group: "life",
  name: "inputs disposed of right after a call, outputs never looked at",
  async run({ twins }) {
    const { x, weight } = matrices(twins);
    const first = twins.forward("linear", { x, weight }, {}).outputs.y ?? x;
    const unused = twins.forward("linear", { x: first, weight }, {}).outputs.y ?? x;
    const second = twins.forward("add", { a: first, b: x }, {}).outputs.y ?? x;
    twins.dispose([x, first, unused]);
    twins.engine.submit();
    const third = twins.forward("linear", { x: second, weight }, {}).outputs.y ?? x;
    twins.dispose([second, weight]);
    await twins.compare("a product of what is disposed of", third, "forward");
  },
};

const sideBySide: EngineCheck = {
  group: "life",
  name: "downloads side by side, with calls between their start and their end",
  async run({ twins }) {
    const { x, weight } = matrices(twins);
    const one = twins.forward("linear", { x, weight }, {}).outputs.y ?? x;
    const running = [twins.engine.download(one.engine), twins.engine.download(x.engine)];
    const two = twins.forward("linear", { x: one, weight }, {}).outputs.y ?? x;
    running.push(twins.engine.download(two.engine), twins.engine.download(one.engine));
    const three = twins.forward("add", { a: two, b: one }, {}).outputs.y ?? x;
    const values = await Promise.all(running);
    for (const [i, { exact }] of [one, x, two, one].entries()) {
      twins.compareValues(`download ${i}`, values[i] ?? [], await twins.reference.download(exact), "forward");
    }
    await twins.compare("called while downloads ran", three, "forward");
  },
};

const aborted: EngineCheck = {
  group: "life",
  name: "a download whose signal is aborted, before it and during it",
  async run({ twins }) {
    const { x, weight } = matrices(twins);
    let y = x;
    for (let i = 0; i < 8; i++) y = twins.forward("linear", { x: y, weight }, {}).outputs.y ?? y;
    const reason = new Error("enough");
    await expectRefusal(async () => twins.engine.download(y.engine, { signal: AbortSignal.abort(reason) }), "aborted");
    const controller = new AbortController();
    const running = twins.engine.download(y.engine, { signal: controller.signal });
    controller.abort(reason);
    const found = await running.then(
      (values) => values,
      (error: unknown) => error,
    );
    if (!(found instanceof Float32Array)) expect(isEngramError(found, "aborted"), String(found)).toBe(true);
    await twins.compare("the same tensor afterwards", y, "forward");
    const open = new AbortController();
    expect(await twins.engine.download(y.engine, { signal: open.signal })).toHaveLength(6 * 16);
  },
};

const twoAtOnce: EngineCheck = {
  group: "life",
  name: "two at once, call by call, or a typed refusal; the first goes on after the second is closed",
  async run({ twins, open }) {
    const { x, weight } = matrices(twins);
    const second = await open().catch((error: unknown) => {
      expect(isEngramError(error, "unsupported"), String(error)).toBe(true);
      return undefined;
    });
    if (second !== undefined) {
      const before = twins.engine.memory();
      const other = second.upload(uniformValues(6 * 16, 1, 1, 0), [6, 16]);
      const otherWeight = second.upload(uniformValues(16 * 16, 0.4, 1, 1), [16, 16], "matrix");
      expect(twins.engine.memory(), "each counts its own").toEqual(before);
      let [a, b] = [x, other];
      for (let i = 0; i < 4; i++) {
        a = twins.forward("linear", { x: a, weight }, {}).outputs.y ?? a;
        b = second.operations.linear.forward({ x: b, weight: otherWeight }, {}).y;
      }
      const [ours, theirs] = await Promise.all([twins.engine.download(a.engine), second.download(b)]);
      expect(theirs, "the same engine gives the same").toEqual(ours);
      await expectRefusal(
        () => second.operations.add.forward({ a: x.engine, b: other }, {}),
        "invalid-argument",
        /add/,
      );
      await second.close();
    }
    const { y = x } = twins.forward("linear", { x, weight }, {}).outputs;
    await twins.compare("the first, alone again", y, "forward");
  },
};

/** All of life but its end. */
export function lifeChecks(): EngineCheck[] {
  return [counted, queued, sideBySide, aborted, twoAtOnce];
}

/** The end: closed twice, and whatever is called then. The last check of all. */
export async function checkClosed(twins: Twins): Promise<void> {
  const { engine } = twins;
  const x = engine.upload(Float32Array.of(1, 2), [1, 2]);
  const cache = engine.createCache({ width: 2, capacity: 4 });
  await engine.close();
  await engine.close();
  expect(engine.memory()).toEqual({ tensors: 0, bytes: 0 });
  const calls: readonly (() => unknown)[] = [
    () => engine.upload(Float32Array.of(1), [1]),
    () => engine.uploadRows({ values: Float32Array.of(1) }, [1, 1]),
    () => engine.operations.add.forward({ a: x, b: x }, {}),
    () =>
      engine.operations.linear.backward(
        { inputs: { x, weight: x }, options: {}, outputs: { y: x } },
        { y: x },
        new Set(),
      ),
    async () => engine.download(x),
    () => engine.createCache({ width: 2, capacity: 4 }),
    () => engine.copyCache(cache),
    () => engine.updates.write(x, Float32Array.of(1, 2)),
    () => engine.submit(),
  ];
  for (const call of calls) await expectRefusal(call, "invalid-argument", /closed/);
  engine.dispose([x, cache]); // nothing
}
