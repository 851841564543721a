// Traces: real texts by the real tokenizer, files that are read back, and the rows that calls ask for.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compressIds } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TEXT_KINDS, textOf } from "../../src/traces/texts.js";
import { agentReplay, type TraceTokenizer, textTrace, traceOf, traceTokenizer } from "../../src/traces/trace.js";
import { readTrace, writeTrace } from "../../src/traces/trace-file.js";
import { callTokens, sizedAddressing, traceCalls, uniformCalls } from "../../src/traces/trace-rows.js";

const folder = mkdtempSync(join(tmpdir(), "engram-traces-"));
let tokenizer: TraceTokenizer;
beforeAll(async () => {
  tokenizer = await traceTokenizer();
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(TEXT_KINDS)("text of kind %s is long, varied, and the same every time", (kind) => {
  const { text } = textOf(kind, 20_000);
  expect(text).toHaveLength(20_000);
  expect(textOf(kind, 20_000).text).toBe(text);
  expect(text).not.toMatch(/<\/?(p|h2|article)\b/);
  const { card } = textTrace(tokenizer, { name: kind, text }, 2_000);
  expect(card.tokens).toBe(2_000);
  expect(card.distinct3grams).toBeGreaterThan(700); // no token again and again
});

test("a trace's card counts what is in it", () => {
  expect(traceOf("a", "text", "t", Uint32Array.of(1, 1, 1, 1)).card).toMatchObject({
    tokens: 4,
    distinctTokens: 1,
    distinct2grams: 1,
    distinct3grams: 1,
  });
  expect(traceOf("b", "text", "t", Uint32Array.of(1, 2, 1, 2, 3)).card).toMatchObject({
    distinctTokens: 3,
    distinct2grams: 3,
    distinct3grams: 3,
  });
});

test("an agent's replay sends everything before again with each turn", () => {
  const source = traceOf(
    "s",
    "text",
    "t",
    Uint32Array.from({ length: 100 }, (_, i) => i),
  );
  const { ids, card } = agentReplay(source, { prefix: 3, turn: 2, limit: 14 });
  expect([...ids]).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 0, 1]);
  expect(card.kind).toBe("agent replay");
});

describe("trace files", () => {
  test("a trace is read back as it was written", () => {
    const path = join(folder, "a.trace");
    const trace = textTrace(tokenizer, textOf("code", 4_000), 500);
    writeTrace(path, trace);
    const { ids, card } = readTrace(path);
    expect([...ids]).toEqual([...trace.ids]);
    expect(card).toEqual({ ...trace.card, kind: "recorded" });
  });

  test("plain numbers are read, too", () => {
    const path = join(folder, "plain.txt");
    writeFileSync(path, "5, 6\n7\t8 ");
    expect([...readTrace(path).ids]).toEqual([5, 6, 7, 8]);
  });

  test.each([
    ["a word", "5 six", "invalid-argument"],
    ["no line", '{"format"', "invalid-argument"],
    ["no JSON", "{x}\nabcd", "invalid-argument"],
    ["another format", '{"format":"other","version":1}\nabcd', "invalid-argument"],
    ["part of an id", '{"format":"engram-trace","version":1}\nabcde', "invalid-argument"],
    ["no ids", '{"format":"engram-trace","version":1}\n', "invalid-argument"],
    ["nothing", "", "invalid-argument"],
  ])("%s is refused", (name, text, code) => {
    const path = join(folder, `${name}.trace`);
    writeFileSync(path, text);
    expect(() => readTrace(path)).toThrow(expect.objectContaining({ code }));
  });

  test("a file that is not there is refused", () => {
    expect(() => readTrace(join(folder, "none"))).toThrow(expect.objectContaining({ code: "not-found" }));
  });
});

describe("rows of calls", () => {
  const rows = (sequences: number, kind: "decode" | "draft" | "prefill") => {
    const sized = sizedAddressing("deepseek-v4.1-flash", 100_000);
    const trace = textTrace(tokenizer, textOf("english", 8_000), 1_000);
    const calls = traceCalls(sized, trace, tokenizer, { kind, sequences });
    const all = sized.addressing.rowIds(sized.layer, compressIds(tokenizer.tokenMap, trace.ids));
    return { calls, all, sized };
  };

  test("one sequence decodes the trace from its start to its end", () => {
    const { calls, all } = rows(1, "decode");
    expect(calls).toMatchObject({ count: 24, calls: 1_000 });
    expect([...calls.ids]).toEqual([...all]);
  });

  test("sequences go on side by side, each through its own part", () => {
    const { calls, all } = rows(4, "decode");
    expect(calls).toMatchObject({ count: 96, calls: 250 });
    const second = calls.ids.subarray(96, 192);
    for (let s = 0; s < 4; s++) {
      const token = s * 250 + 1;
      expect([...second.subarray(s * 24, (s + 1) * 24)]).toEqual([...all.subarray(token * 24, (token + 1) * 24)]);
    }
  });

  test("drafts and prefill chunks take several tokens, as many as there are", () => {
    expect(rows(1, "draft").calls).toMatchObject({ count: 144, calls: 166 });
    expect(rows(1, "prefill").calls).toMatchObject({ count: 24_000, calls: 1 });
    expect(callTokens("prefill", 1, 10_000)).toBe(2_048);
    expect(callTokens("decode", 64, 10)).toBe(1);
  });

  test.each([1_000, 2 ** 15, 2 ** 20])("a table of about %i rows has about as many", (wanted) => {
    for (const preset of ["deepseek-v4.1-flash", "qwen3.8-flash-next", "engram-demo"] as const) {
      const { rows: made, addressing, layer } = sizedAddressing(preset, wanted);
      expect(made / wanted).toBeGreaterThan(wanted < 10_000 ? 0.3 : 0.95);
      expect(made / wanted).toBeLessThan(wanted < 10_000 ? 2 : 1.05);
      expect(Math.max(...addressing.rowIds(layer, Uint32Array.of(1, 2, 3)))).toBeLessThan(made);
    }
  });

  test("ids at random are below the rows and hardly come again", () => {
    const { ids } = uniformCalls({ ids: new Uint32Array(0), count: 24, calls: 100 }, 10_000_000, 1);
    expect(ids.length).toBe(2_400);
    expect(new Set(ids).size).toBeGreaterThan(2_390);
    expect(Math.max(...ids)).toBeLessThan(10_000_000);
  });
});
