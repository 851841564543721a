// The suite `cache`: what share of rows a cache in memory serves, against its bytes, for real text of several kinds, for an
// agent that sends its conversation again and again, and for ids at random. The cache is the product's own, in front of the
// preset's whole table: rows collide as they do in it. Counted, not timed. A cache starts empty, so rows read for the first
// time are misses whatever its size; the note says how many there are.

import { cached, encodedRowBytes, tableInfo } from "@engram-ts/core";
import { byteCount, digits } from "../report/numbers.js";
import type { CurveReport } from "../report/report.js";
import { agentReplay, type Trace } from "../traces/trace.js";
import {
  type CallRows,
  type SizedAddressing,
  sizedAddressing,
  traceCalls,
  uniformCalls,
} from "../traces/trace-rows.js";
import type { CurveLimits, Suite, SuiteContext } from "./suite.js";
import { zeroStore } from "./zero-store.js";

/** Cache sizes, in bytes. */
const SIZES = [16, 18, 20, 22, 24, 26, 28].map((power) => 2 ** power);

/** The suite. */
export const cacheSuite: Suite = {
  name: "cache",
  description: "hit ratio against cache bytes: text in several languages, code, agent replay, ids at random",
  plan(context) {
    const curves = context.presets.map(
      (preset) => (limits: CurveLimits) => hitRatios(sizedAddressing(preset), context, limits),
    );
    return { cells: [], curves };
  },
};

async function hitRatios(
  sized: SizedAddressing,
  context: SuiteContext,
  { until, stop }: CurveLimits,
): Promise<CurveReport> {
  const tokens = context.quick ? 8_192 : 65_536;
  const traces = await tracesOf(context, tokens, stop);
  for (const trace of traces) context.useTrace(trace);
  const workloads = traces.map((trace) => ({
    name: nameOf(trace),
    calls: traceCalls(sized, trace, context.tokenizer, { kind: "decode", sequences: 1 }),
  }));
  const [first] = workloads;
  if (first !== undefined) workloads.push({ name: "ids at random", calls: uniformCalls(first.calls, sized.rows, 5) });
  const lines: { name: string; points: [number, number][] }[] = [];
  const firsts: string[] = [];
  const most = await fittingCalls(sized, workloads[0]?.calls, workloads.length * SIZES.length, until);
  for (const workload of workloads) {
    const { name } = workload;
    const calls = firstCalls(workload.calls, most);
    const points: [number, number][] = [];
    for (const bytes of SIZES) {
      points.push([bytes, await hitRatio(sized, calls, bytes)]);
      await pause(stop);
    }
    lines.push({ name, points });
    firsts.push(`${name} ${digits((100 * new Set(calls.ids).size) / calls.ids.length)} %`);
  }
  const { preset, rows, encoding } = sized;
  return {
    id: `cache/${preset}`,
    suite: "cache",
    title: `Hit ratio against cache bytes: ${preset}`,
    x: { label: "bytes of the cache", scale: "log" },
    y: { label: "share of rows that the cache serves", scale: "linear" },
    lines,
    note: `Decode, one token a call, at most ${Math.min(tokens, most)} tokens of each trace, ${sized.rowsPerToken} rows a token of one module, whole table of ${rows} rows (${byteCount(rows * encodedRowBytes(encoding))}). Caches start empty: rows read for the first time, which no cache can have, are ${firsts.join(", ")} of all.`,
  };
}

/** Tokens below which a curve says little of caches. */
const LEAST_TOKENS = 8_192;

/** Calls, one a token, that so many passes over a trace have time for, by what a few of them take. */
async function fittingCalls(
  sized: SizedAddressing,
  calls: CallRows | undefined,
  passes: number,
  until: number,
): Promise<number> {
  if (calls === undefined || !Number.isFinite(until)) return Number.POSITIVE_INFINITY;
  const begun = performance.now();
  const few = firstCalls(calls, LEAST_TOKENS);
  await hitRatio(sized, few, SIZES.at(-2) ?? 2 ** 20);
  const now = performance.now();
  return Math.max(LEAST_TOKENS, Math.floor((few.calls * (until - now)) / ((now - begun) * passes)));
}

function firstCalls({ ids, count, calls }: CallRows, most: number): CallRows {
  return { ids: ids.subarray(0, count * Math.min(calls, most)), count, calls: Math.min(calls, most) };
}

/** The user's own trace where one is given, beside those that come along. */
async function tracesOf(context: SuiteContext, tokens: number, stop: AbortSignal): Promise<Trace[]> {
  const kinds: Trace[] = [];
  for (const kind of ["english", "chinese", "languages", "code"] as const) {
    kinds.push(context.textTrace(kind, tokens));
    await pause(stop);
  }
  const own = context.trace.card.kind === "recorded" ? [context.trace] : [];
  const [english] = kinds;
  return [...own, ...kinds, ...(english === undefined ? [] : [agentReplay(english, { limit: tokens })])];
}

/** So that the run's end is heard of while this computes. */
async function pause(stop: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  stop.throwIfAborted();
}

function nameOf({ card }: Trace): string {
  if (card.kind === "agent replay") return "agent replay";
  if (/Factbook/.test(card.name)) return "English";
  if (/Chinese/.test(card.name)) return "Chinese";
  if (/other editions/.test(card.name)) return "13 languages";
  return /sources/.test(card.name) ? "code" : card.name.slice(0, 30);
}

async function hitRatio(
  { rows, encoding }: SizedAddressing,
  { ids, count, calls }: CallRows,
  bytes: number,
): Promise<number> {
  const store = cached(zeroStore(tableInfo({ rows, encoding })), { bytes });
  for (let call = 0; call < calls; call++) {
    const ticket = store.prefetch(ids.subarray(call * count, (call + 1) * count));
    if (!ticket.settled) await ticket.ready;
    ticket.release();
  }
  const { hits, rows: asked } = store.stats();
  await store.close();
  return (hits.cache ?? 0) / asked;
}
