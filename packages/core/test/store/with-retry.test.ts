import {
  EngramError,
  type ErrorCode,
  type RetryAdvice,
  type RetryOptions,
  type RowStore,
  type Ticket,
  tableInfo,
  withRetry,
  withTimeout,
} from "@engram-ts/core";
import { deterministicRows, runConformance } from "@engram-ts/store-kit";
import { describe, expect, test } from "vitest";
import { handClock } from "./hand-clock.js";
import { scriptedStore, turn } from "./scripted-store.js";

const TABLE = tableInfo({ rows: 20, encoding: { kind: "f32", width: 2 } });
const ROWS = deterministicRows(TABLE, 5);
const IDS = Uint32Array.of(4, 1, 4);
const EXPECTED = [...IDS].flatMap((id) => [...ROWS.subarray(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes)]);
const failure = (retry: RetryAdvice = "later", code: ErrorCode = "io") =>
  new EngramError({ code, operation: "test", message: "connection reset", retry, context: { host: "a" } });

function setUp(options: RetryOptions = {}) {
  const clock = handClock();
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "script" });
  const store = withRetry(inner, { clock, random: () => 0.5, ...options });
  const fail = async (error: Error = failure()): Promise<void> => {
    inner.reads.at(-1)?.reject(error);
    await turn();
  };
  return { clock, inner, store, fail };
}

function gathered(ticket: Ticket): number[] {
  const out = new Uint8Array(ticket.length * TABLE.rowBytes);
  ticket.gather(out);
  return [...out];
}

test("a failure that may pass is tried again after the jittered wait, with the ids of then", async () => {
  const { clock, inner, store, fail } = setUp({ baseMs: 100, attempts: 3 });
  const ids = IDS.slice();
  const ticket = store.prefetch(ids, { priority: 2 });
  ids.fill(0);
  await fail();
  expect([inner.reads.length, ticket.settled]).toEqual([1, false]);
  expect(clock.due).toEqual([50]);
  await clock.advance(49);
  expect(inner.reads).toHaveLength(1);
  await clock.advance(1);
  expect(inner.reads).toHaveLength(2);
  await fail();
  expect(clock.due).toEqual([150]);
  await clock.advance(100);
  inner.reads[2]?.resolve();
  await ticket.ready;
  expect(gathered(ticket)).toEqual(EXPECTED);
  expect(inner.reads.map(({ rowIds, options }) => [[...rowIds], options])).toEqual(
    Array.from({ length: 3 }, () => [[...IDS], { priority: 2 }]),
  );
  expect(inner.reads.map(({ released }) => released)).toEqual([true, true, false]);
  expect(store.stats()).toMatchObject({ prefetches: 1, failures: 0, openTickets: 1 });
  ticket.release();
  expect(inner.stats().openTickets).toBe(0);
});

test("full jitter: from no wait to the whole of a range that doubles up to its cap", async () => {
  for (const random of [0, 0.999]) {
    const { clock, store, fail } = setUp({ baseMs: 100, capMs: 350, attempts: 5, random: () => random });
    const ticket = store.prefetch(IDS);
    ticket.ready.catch(() => {});
    for (const range of [100, 200, 350, 350]) {
      await fail();
      expect((clock.due[0] ?? -1) - clock.now()).toBeCloseTo(random * range);
      await clock.advance(range);
    }
  }
});

test("attempts spent: the last failure's code, relabelled gave-up", async () => {
  const { clock, inner, store, fail } = setUp({ attempts: 2 });
  const ticket = store.prefetch(IDS);
  await fail(failure("later", "not-found"));
  await clock.advance(1000);
  const last = failure();
  await fail(last);
  await expect(ticket.ready).rejects.toMatchObject({
    code: "io",
    retry: "gave-up",
    cause: last,
    context: { host: "a", attempts: 2 },
  });
  expect(inner.reads).toHaveLength(2);
  expect(store.stats().failures).toBe(1);
});

test.each(["never", "gave-up"] as const)("a failure with retry %s is passed on as it is", async (retry) => {
  const { clock, store, fail } = setUp();
  const ticket = store.prefetch(IDS);
  const error = failure(retry);
  await fail(error);
  await expect(ticket.ready).rejects.toBe(error);
  expect(clock.due).toEqual([]);
});

test("the budget is of all calls together, and successes put it back", async () => {
  const { clock, inner, store, fail } = setUp({ attempts: 10, baseMs: 0, budget: { tokens: 2, perSuccess: 0.5 } });
  const first = store.prefetch(IDS);
  for (let i = 0; i < 2; i++) {
    await fail();
    await clock.advance(0);
  }
  await fail();
  await expect(first.ready).rejects.toMatchObject({ retry: "gave-up", context: { attempts: 3 } });
  const second = store.prefetch(IDS);
  await fail();
  await expect(second.ready).rejects.toMatchObject({ retry: "gave-up", context: { attempts: 1 } });
  for (let i = 0; i < 2; i++) {
    const ticket = store.prefetch(IDS);
    inner.reads.at(-1)?.resolve();
    await ticket.ready;
  }
  const third = store.prefetch(IDS);
  await fail();
  await clock.advance(0);
  inner.reads.at(-1)?.resolve();
  await third.ready;
});

test("no attempt begins after the deadline, and later ones are told what is left of it", async () => {
  const { clock, inner, store, fail } = setUp({ baseMs: 100, attempts: 9 });
  const ticket = store.prefetch(IDS, { deadlineMs: 120 });
  await clock.advance(10);
  await fail(); // due at 60
  await clock.advance(50);
  expect(inner.reads[1]?.options).toEqual({ deadlineMs: 60 });
  await fail(); // would be due at 160
  expect(clock.due).toEqual([]);
  await expect(ticket.ready).rejects.toMatchObject({ code: "io", retry: "gave-up" });
  ticket.release();
});

test("abort and release end the waiting", async () => {
  const { clock, inner, store, fail } = setUp();
  const controller = new AbortController();
  const aborted = store.prefetch(IDS, { signal: controller.signal });
  const outcome = expect(aborted.ready).rejects.toMatchObject({ code: "aborted" });
  await fail();
  expect(clock.due).toHaveLength(1);
  controller.abort();
  await outcome;
  expect(clock.due).toEqual([]);
  const released = store.prefetch(IDS);
  released.ready.catch(() => {});
  await fail();
  released.release();
  expect(clock.due).toEqual([]);
  await clock.advance(10_000);
  expect(inner.reads).toHaveLength(2);
});

test("a commit ends the retries of tickets made before it, which must not see the new rows", async () => {
  const { clock, inner, store, fail } = setUp();
  const ticket = store.prefetch(IDS);
  await fail();
  const transaction = store.begin();
  await transaction.put(Uint32Array.of(4), new Uint8Array(TABLE.rowBytes).fill(7));
  await transaction.commit();
  const outcome = expect(ticket.ready).rejects.toMatchObject({ code: "io", retry: "gave-up" });
  await clock.advance(1000);
  await outcome;
  expect(inner.reads).toHaveLength(1);
});

test("a store that fails at once is retried too", async () => {
  const clock = handClock();
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
  let calls = 0;
  const flaky: RowStore = {
    ...inner,
    prefetch(rowIds, options) {
      const ticket = inner.prefetch(rowIds, options);
      if (calls++ === 0) (ticket as unknown as { fail(error: EngramError): void }).fail(failure()); // a StoreTicket
      return ticket;
    },
  };
  const store = withRetry(flaky, { clock });
  const ticket = store.prefetch(IDS);
  await turn();
  await clock.advance(100);
  await ticket.ready;
  expect(gathered(ticket)).toEqual(EXPECTED);
});

test("a stalled attempt is timed out and made again", async () => {
  const clock = handClock();
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "script" });
  const store = withRetry(withTimeout(inner, { timeoutMs: 300, clock }), { clock, random: () => 0 });
  const ticket = store.prefetch(IDS);
  await clock.advance(299);
  expect(inner.reads[0]?.released).toBe(false);
  await clock.advance(1);
  expect(inner.reads.map(({ released }) => released)).toEqual([true, false]);
  inner.reads[1]?.resolve();
  await ticket.ready;
  expect(gathered(ticket)).toEqual(EXPECTED);
  expect(clock.due).toEqual([]);
});

test("options out of range are refused", () => {
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
  const wrong: RetryOptions[] = [
    { attempts: 0 },
    { attempts: 1.5 },
    { baseMs: -1 },
    { capMs: Number.NaN },
    { budget: { tokens: -1 } },
    { budget: { perSuccess: Number.POSITIVE_INFINITY } },
  ];
  for (const options of wrong) expect(() => withRetry(inner, options)).toThrow(/options\./);
});

runConformance({ describe, test }, [
  {
    name: "withRetry over a resident store",
    open: async (table, rows) => withRetry(scriptedStore(table, rows, { arrival: "now" })),
  },
  {
    name: "withRetry over a slow store",
    open: async (table, rows) => withRetry(scriptedStore(table, rows, { arrival: "soon" })),
  },
]);
