// Storage by scheme: what is known, what is refused, and that reading behind a network is tried again.

import { EngramError, type OpenedTables, type RowStore, tableInfo } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { describe, expect, it } from "vitest";
import { openByUri, tableDrivers, writeTarget } from "../src/drivers.js";
import { retryingDriver } from "../src/drivers-retry.js";

describe("tableDrivers", () => {
  it("knows the four schemes, and refuses others by name", async () => {
    expect((await tableDrivers()).map(({ scheme }) => scheme)).toEqual(["dram", "file", "lmdb", "s3"]);
    await expect(openByUri("ftp://x")).rejects.toThrow("no storage is called ftp:; there are dram:, file:, lmdb:, s3:");
    await expect(openByUri("dram(1MiB) > ftp://x")).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("writes to one place", async () => {
    expect((await writeTarget("  file:./x ", "test")).uri).toBe("file:./x");
    await expect(writeTarget("lmdb:./c > file:./x", "test")).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(writeTarget("dram:file:./x", "test")).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("retryingDriver", () => {
  const fault = (retry: "later" | "never") =>
    new EngramError({ code: "io", operation: "test", message: "down", retry });
  /** Opens after so many faults; the store inside fails its first reading. */
  function shaky(faults: number, retry: "later" | "never" = "later") {
    let openings = 0;
    let reads = 0;
    const store = dramStore({ table: tableInfo({ rows: 4, encoding: { kind: "f32", width: 1 } }) });
    const failing: RowStore = {
      ...store,
      prefetch(rowIds, options) {
        if (reads++ > 0) return store.prefetch(rowIds, options);
        const ticket = store.prefetch(rowIds, options);
        ticket.release();
        const error = fault("later");
        const ready = Promise.reject(error);
        ready.catch(() => undefined);
        return {
          ...ticket,
          length: rowIds.length,
          settled: true,
          error,
          ready,
          release() {},
          gather() {},
          decode() {},
        };
      },
    };
    const driver = retryingDriver(
      {
        scheme: "s3",
        open() {
          if (openings++ < faults) return Promise.reject(fault(retry));
          const opened = { tables: new Map([[1, failing]]), close: () => store.close() };
          return Promise.resolve(opened as unknown as OpenedTables); // the manifest is passed through, never read
        },
      },
      { attempts: 3, baseMs: 0, capMs: 0 },
    );
    return { driver, openings: () => openings, reads: () => reads };
  }

  it("opens again where that can help, and reads again", async () => {
    const { driver, openings, reads } = shaky(2);
    const opened = await driver.open("s3://x");
    expect(openings()).toBe(3);
    const ticket = opened.tables.get(1)?.prefetch(Uint32Array.of(1, 3));
    await ticket?.ready;
    ticket?.gather(new Uint8Array(8));
    expect(reads()).toBe(2);
    await opened.close();
  });

  it("gives up after a few, and at once where it cannot help", async () => {
    const often = shaky(99);
    await expect(often.driver.open("s3://x")).rejects.toMatchObject({ code: "io" });
    expect(often.openings()).toBe(4);
    const never = shaky(99, "never");
    await expect(never.driver.open("s3://x")).rejects.toMatchObject({ code: "io" });
    expect(never.openings()).toBe(1);
  });
});
