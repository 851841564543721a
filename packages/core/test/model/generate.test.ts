// Generation: the tokens are those of steps by hand; it stops where it should, and leaves nothing behind.

import { describe, expect, it } from "vitest";
import { createDecodeState } from "../../src/model/decode-state.js";
import { decodeStep } from "../../src/model/decode-step.js";
import { type GenerateOptions, generate } from "../../src/model/generate.js";
import { sampler } from "../../src/model/sampling.js";
import type { ReferenceTensor } from "../../src/reference/tensor.js";
import { expectCode } from "./expect-code.js";
import { busyModel, madeUpTables } from "./model-fixture.js";

const model = busyModel("tiny-mla-moe");
const tables = madeUpTables(model, "soon");
const prompt = [72, 101, 108, 108, 111];
const sampling = { temperature: 1.3, topK: 50, topP: 0.95, seed: 4 };

async function collect(options: Partial<GenerateOptions<ReferenceTensor>>): Promise<number[]> {
  const ids: number[] = [];
  for await (const id of generate(model, { prompt, tables, maxTokens: 6, ...options })) ids.push(id);
  return ids;
}

describe("generate", () => {
  it("gives what sampling the logits of the whole sequence gives, again and again", async () => {
    const sample = sampler(sampling);
    const ids = [...prompt];
    for (let i = 0; i < 6; i++) {
      using state = createDecodeState(model);
      const { logits } = await decodeStep(model, [{ state, ids }], { tables });
      ids.push(sample(logits[0] ?? new Float32Array(0)));
    }
    expect(await collect(sampling)).toEqual(ids.slice(prompt.length));
  });

  it("gives the same for a prompt in chunks, and goes on with a state", async () => {
    const whole = await collect(sampling);
    expect(await collect({ ...sampling, chunkTokens: 2 })).toEqual(whole);
    using state = createDecodeState(model);
    await decodeStep(model, [{ state, ids: prompt.slice(0, 3) }], { tables });
    expect(await collect({ ...sampling, prompt: prompt.slice(3), state })).toEqual(whole);
    expect(state.length).toBe(prompt.length + 5); // all but the last
  });

  it("stops after a stop token, at the limit, at the end of the context, and where its caller stops", async () => {
    const whole = await collect({});
    const [, second = 0] = whole;
    expect(await collect({ stopIds: [second] })).toEqual(whole.slice(0, whole.indexOf(second) + 1));
    expect(await collect({ maxTokens: 0 })).toEqual([]);
    expect(await collect({ maxTokens: 1 })).toEqual(whole.slice(0, 1));
    using small = createDecodeState(model, { capacity: 7 });
    const { maxTokens: _, ...open } = { maxTokens: 0, prompt, tables, state: small };
    const ids: number[] = [];
    for await (const id of generate(model, open)) ids.push(id);
    expect(ids).toEqual(whole.slice(0, 3));
    for await (const id of generate(model, { prompt, tables })) {
      expect(id).toBe(whole[0]);
      break;
    }
  });

  it("leaves no tensor and no ticket behind, also when aborted", async () => {
    const before = model.backend.memory();
    const controller = new AbortController();
    const ids: number[] = [];
    const run = async () => {
      for await (const id of generate(model, { prompt, tables, signal: controller.signal })) {
        ids.push(id);
        if (ids.length === 2) controller.abort();
      }
    };
    await expectCode(run(), "aborted", /the signal was aborted/);
    expect(ids.length).toBe(2);
    expect(model.backend.memory()).toEqual(before);
    for (const store of tables.values()) expect(store.stats().openTickets).toBe(0);
  });

  it.each([
    [{ prompt: [] }, /the prompt has no tokens/],
    [{ maxTokens: 509 }, /maxTokens is 509; use a whole number from 0 to 508/],
    [{ chunkTokens: 0 }, /chunkTokens is 0/],
    [{ temperature: -1 }, /temperature is -1/],
  ])("refuses %o", async (options, message) => {
    await expectCode(collect(options), "invalid-argument", message);
  });
});
