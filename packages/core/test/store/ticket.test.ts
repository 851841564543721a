// The life of a ticket: every state it can be in, everything that can end it, and that no failure goes unhandled.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  EngramError,
  type ErrorCode,
  isEngramError,
  type PrefetchOptions,
  StoreTicket,
  storeCounters,
  type TicketSource,
} from "../../src/index.js";

const io = () => new EngramError({ code: "io", operation: "store.prefetch", message: "the disk is gone" });

/** A reading that the test ends. */
function reading() {
  let resolve: () => void = () => {};
  let reject: (cause: unknown) => void = () => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** A ticket of 3 rows of 4 bytes and 2 values, and what happened to its source. */
function open(options: PrefetchOptions | undefined, source: Partial<TicketSource> = {}) {
  const counters = storeCounters(["tier"]);
  const happened: string[] = [];
  const ticket = new StoreTicket(
    {
      length: 3,
      rowBytes: 4,
      width: 2,
      gather: (out) => {
        out.fill(7);
        happened.push("gather");
      },
      decode: (out) => {
        out.fill(1.5);
        happened.push("decode");
      },
      free: () => happened.push("free"),
      ...source,
    },
    counters,
    options,
    (released) => happened.push(released === ticket ? "told" : "told of another"),
  );
  return { ticket, counters, happened };
}

function codeOf(call: () => void): ErrorCode | "none" {
  try {
    call();
    return "none";
  } catch (error) {
    if (isEngramError(error)) return error.code;
    throw error;
  }
}

const gatherCode = (ticket: StoreTicket) => codeOf(() => ticket.gather(new Uint8Array(12)));
const decodeCode = (ticket: StoreTicket) => codeOf(() => ticket.decode(new Float32Array(6)));

/** Lets promise callbacks run, and with them any report of an unhandled rejection. */
const laterTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", onUnhandled);
});

afterEach(async () => {
  vi.useRealTimers();
  await laterTurn();
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

describe("a ticket whose rows are there", () => {
  it("is settled at once, gathers and decodes without awaiting, and is counted", async () => {
    const { ticket, counters, happened } = open(undefined);
    expect(ticket.settled).toBe(true);
    expect(ticket.length).toBe(3);
    const out = new Uint8Array(12);
    ticket.gather(out);
    expect(out).toEqual(new Uint8Array(12).fill(7));
    expect(decodeCode(ticket)).toBe("none");
    await ticket.ready;
    expect(happened).toEqual(["gather", "decode"]);
    const expected = { prefetches: 1, rows: 3, bytes: 12, openTickets: 1, failures: 0, deadlineMisses: 0 };
    expect(counters.snapshot()).toMatchObject(expected);
    expect(counters.snapshot().latencyMs.count).toBe(0);
  });

  it("frees and tells its store once, however often it is released", () => {
    const { ticket, counters, happened } = open(undefined);
    for (let i = 0; i < 3; i++) ticket.release();
    expect(happened).toEqual(["free", "told"]);
    expect(counters.openTickets).toBe(0);
    expect(gatherCode(ticket)).toBe("ticket-released");
    expect(decodeCode(ticket)).toBe("ticket-released");
  });

  it("never misses a deadline and starts no timer", () => {
    vi.useFakeTimers();
    const { counters } = open({ deadlineMs: 0, onMiss: "zero" });
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(counters.deadlineMisses).toBe(0);
  });

  it("refuses outputs of another length or type before it touches them", () => {
    const { ticket, happened } = open(undefined);
    for (const out of [new Uint8Array(11), new Uint8Array(13), new Uint8Array(0), new Uint8ClampedArray(12)]) {
      expect(codeOf(() => ticket.gather(out as Uint8Array))).toBe("output-length"); // of another type on purpose
    }
    for (const out of [new Float32Array(5), new Float32Array(7), new Float64Array(6), undefined, null, "6", {}]) {
      expect(codeOf(() => ticket.decode(out as Float32Array))).toBe("output-length"); // likewise
    }
    expect(codeOf(() => ticket.gather(new DataView(new ArrayBuffer(12)) as never))).toBe("output-length");
    expect(happened).toEqual([]);
  });
});

describe("a ticket whose rows are being read", () => {
  it("throws ticket-not-ready, to be tried later, until the reading has ended", async () => {
    const { promise, resolve } = reading();
    const { ticket, counters } = open(undefined, { loading: promise });
    expect(ticket.settled).toBe(false);
    expect(gatherCode(ticket)).toBe("ticket-not-ready");
    expect(decodeCode(ticket)).toBe("ticket-not-ready");
    expect(() => ticket.gather(new Uint8Array(12))).toThrow(expect.objectContaining({ retry: "later" }));
    const ready = ticket.ready;
    expect(ticket.ready).toBe(ready);
    resolve();
    await ready;
    await ticket.ready;
    expect(ticket.settled).toBe(true);
    expect(gatherCode(ticket)).toBe("none");
    expect(counters.snapshot().latencyMs.count).toBe(1);
  });

  it("fails with the EngramError that the reading failed with", async () => {
    const { promise, reject } = reading();
    const { ticket, counters } = open(undefined, { loading: promise });
    const ready = ticket.ready;
    const error = io();
    reject(error);
    await expect(ready).rejects.toBe(error);
    await expect(ticket.ready).rejects.toBe(error);
    expect(() => ticket.gather(new Uint8Array(12))).toThrow(error);
    expect(() => ticket.decode(new Float32Array(6))).toThrow(error);
    expect(ticket.settled).toBe(true);
    expect(counters.failures).toBe(1);
    expect(counters.openTickets).toBe(1);
    ticket.release();
    expect(counters.openTickets).toBe(0);
  });

  it.each([new TypeError("not ours"), "a string", 7])("reports a foreign failure as io: %s", async (cause) => {
    const { promise, reject } = reading();
    const { ticket } = open(undefined, { loading: promise });
    reject(cause);
    await expect(ticket.ready).rejects.toMatchObject({ code: "io", retry: "later", cause });
  });

  it("leaves no rejection unhandled when nobody awaits it", async () => {
    const { promise, reject } = reading();
    const { ticket } = open(undefined, { loading: promise });
    void ticket.ready;
    reject(io());
    await laterTurn();
    void ticket.ready;
    expect(gatherCode(ticket)).toBe("io");
  });

  it("released before its rows have come, is freed once and ends with ticket-released", async () => {
    const { promise, resolve } = reading();
    const { ticket, counters, happened } = open({ deadlineMs: 5 }, { loading: promise });
    const ready = ticket.ready;
    ticket.release();
    await expect(ready).rejects.toMatchObject({ code: "ticket-released" });
    resolve();
    await laterTurn();
    expect(happened).toEqual(["free", "told"]);
    expect(gatherCode(ticket)).toBe("ticket-released");
    expect(counters.failures).toBe(0);
    expect(counters.openTickets).toBe(0);
  });

  it("released, does not mind that its reading fails later", async () => {
    const { promise, reject } = reading();
    const { ticket, counters } = open(undefined, { loading: promise });
    ticket.release();
    reject(io());
    await laterTurn();
    expect(counters.failures).toBe(0);
  });
});

describe("an aborted ticket", () => {
  it("aborted before fails at once, the reason kept as the cause, and is not read", async () => {
    const reason = new Error("cancelled");
    const { ticket, counters, happened } = open({ signal: AbortSignal.abort(reason) });
    expect(ticket.settled).toBe(true);
    expect(gatherCode(ticket)).toBe("aborted");
    await expect(ticket.ready).rejects.toMatchObject({ code: "aborted", cause: reason });
    ticket.release();
    expect(happened).toEqual(["free", "told"]);
    expect(counters.snapshot()).toMatchObject({ failures: 1, openTickets: 0, prefetches: 1 });
  });

  it("aborted before, swallows the failure of a reading already begun", async () => {
    const { promise, reject } = reading();
    const { ticket } = open({ signal: AbortSignal.abort() }, { loading: promise });
    reject(io());
    await laterTurn();
    expect(gatherCode(ticket)).toBe("aborted");
  });

  it("aborted while reading fails at once and stays failed when the rows come", async () => {
    const controller = new AbortController();
    const { promise, resolve } = reading();
    const { ticket, counters } = open({ signal: controller.signal }, { loading: promise });
    controller.abort("why");
    expect(ticket.settled).toBe(true);
    resolve();
    await laterTurn();
    await expect(ticket.ready).rejects.toMatchObject({ code: "aborted", cause: "why" });
    expect(counters.failures).toBe(1);
  });

  it("aborted after it was ready, or released, does nothing, and the signal is let go", async () => {
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, "removeEventListener");
    const { promise, resolve } = reading();
    const { ticket, counters } = open({ signal: controller.signal }, { loading: promise });
    resolve();
    await ticket.ready;
    expect(removed).toHaveBeenCalledTimes(1);
    controller.abort();
    expect(gatherCode(ticket)).toBe("none");
    expect(counters.failures).toBe(0);
    const released = open({ signal: new AbortController().signal }, { loading: reading().promise });
    released.ticket.release();
    expect(released.counters.failures).toBe(0);
  });
});

describe("a ticket with a deadline", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });

  it("counts the miss at the deadline, not before, and waits on", async () => {
    const { promise, resolve } = reading();
    const { ticket, counters } = open({ deadlineMs: 20 }, { loading: promise, zeroMissing: () => 3 });
    vi.advanceTimersByTime(19);
    expect(counters.deadlineMisses).toBe(0);
    vi.advanceTimersByTime(1);
    expect(counters.deadlineMisses).toBe(1);
    expect(ticket.settled).toBe(false);
    vi.advanceTimersByTime(100);
    resolve();
    await ticket.ready;
    expect(counters.snapshot()).toMatchObject({ deadlineMisses: 1, zeroedRows: 0, failures: 0 });
    expect(counters.snapshot().latencyMs).toMatchObject({ count: 1, max: 120 });
  });

  it("with onMiss zero settles at the deadline and counts the rows zeroed", async () => {
    const { promise, reject } = reading();
    let zeroed = 0;
    const zeroMissing = () => {
      zeroed++;
      return 2;
    };
    const { ticket, counters } = open({ deadlineMs: 20, onMiss: "zero" }, { loading: promise, zeroMissing });
    const ready = ticket.ready;
    vi.advanceTimersByTime(20);
    await ready;
    expect(ticket.settled).toBe(true);
    expect(gatherCode(ticket)).toBe("none");
    reject(io()); // too late to matter
    await laterTurn();
    expect(gatherCode(ticket)).toBe("none");
    expect(zeroed).toBe(1);
    expect(counters.snapshot()).toMatchObject({ deadlineMisses: 1, zeroedRows: 2, failures: 0 });
  });

  it("with onMiss zero waits on where its store cannot zero", async () => {
    const { promise, resolve } = reading();
    const { ticket, counters } = open({ deadlineMs: 20, onMiss: "zero" }, { loading: promise });
    vi.advanceTimersByTime(30);
    expect(ticket.settled).toBe(false);
    resolve();
    await ticket.ready;
    expect(counters.snapshot()).toMatchObject({ deadlineMisses: 1, zeroedRows: 0 });
  });

  it.each(["ready", "failed", "aborted", "released"])("drops its timer once %s", async (how) => {
    const controller = new AbortController();
    const { promise, resolve, reject } = reading();
    const { ticket, counters } = open({ deadlineMs: 20, signal: controller.signal }, { loading: promise });
    expect(vi.getTimerCount()).toBe(1);
    if (how === "ready") resolve();
    else if (how === "failed") reject(io());
    else if (how === "aborted") controller.abort();
    else ticket.release();
    await laterTurn();
    expect(vi.getTimerCount()).toBe(0);
    expect(counters.deadlineMisses).toBe(0);
  });
});

describe("fail, for the store of a ticket", () => {
  it("fails a ticket that was ready, also for those who read ready before", async () => {
    const { promise, resolve } = reading();
    const { ticket, counters } = open(undefined, { loading: promise });
    const before = ticket.ready;
    resolve();
    await before;
    ticket.fail(io());
    expect(gatherCode(ticket)).toBe("io");
    await expect(ticket.ready).rejects.toMatchObject({ code: "io" });
    await before;
    expect(counters.failures).toBe(1);
  });

  it("keeps the first failure, and does nothing after release", async () => {
    const { ticket, counters } = open(undefined);
    ticket.fail(io());
    ticket.fail(new EngramError({ code: "store-closed", operation: "store.close", message: "closed" }));
    expect(gatherCode(ticket)).toBe("io");
    expect(counters.failures).toBe(1);
    const other = open(undefined);
    other.ticket.release();
    other.ticket.fail(io());
    expect(gatherCode(other.ticket)).toBe("ticket-released");
    expect(other.counters.failures).toBe(0);
  });
});
